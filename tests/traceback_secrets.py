"""Searches everything that an error carries: its attributes, causes, and the frames of each."""

from __future__ import annotations

import types
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final

from pydantic import SecretBytes, SecretStr

MOST_OBJECTS: Final = 200_000
_OPAQUE: Final = (SecretStr, SecretBytes, types.ModuleType, type, types.BuiltinFunctionType)
_WITH_FRAMES: Final = (types.FrameType, types.GeneratorType, types.CoroutineType)
_TESTS: Final = Path(__file__).parent


def places_of(error: BaseException, *secrets: str, ignore: tuple[type, ...] = ()) -> list[str]:
    """Return where a secret occurs in what an error carries, in upper or lower case.

    Frames of tests are not searched, nor what is in a ``SecretStr``.

    Args:
        error: The error.
        secrets: The secrets.
        ignore: Classes of objects that are not searched, such as the plugin.
    """
    found: list[str] = []
    needles = [secret.lower() for secret in secrets]
    opaque = (*_OPAQUE, *ignore)
    waiting = deque(_starts(error))
    seen: dict[int, object] = {}
    while waiting:
        where, thing = waiting.popleft()
        if isinstance(thing, (str, bytes)):
            text = thing if isinstance(thing, str) else thing.decode("latin-1")
            lowered = text.lower()
            if any(needle in lowered for needle in needles):
                found.append(where)
        elif id(thing) not in seen and not isinstance(thing, opaque):
            assert len(seen) < MOST_OBJECTS
            seen[id(thing)] = thing
            waiting.extend((f"{where}{name}", part) for name, part in _parts(thing))
    return found


def _starts(error: BaseException) -> Iterator[tuple[str, object]]:
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield type(one).__name__, (str(one), one.args, vars(one))
        for frame, line in walk_tb(one.__traceback__):
            name = Path(frame.f_code.co_filename)
            if _TESTS not in name.parents:
                for variable, value in frame.f_locals.items():
                    yield f"{name.name}:{line} {frame.f_code.co_name} {variable}", value
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]


def _parts(thing: Any) -> Iterable[tuple[str, object]]:  # noqa: ANN401  # Anything.
    if isinstance(thing, (dict, types.MappingProxyType)):
        for key, value in tuple(thing.items()):
            yield "{}", key
            yield f"[{type(key).__name__}]", value
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        yield from (("[]", item) for item in tuple(thing))
    elif isinstance(thing, types.FunctionType):
        yield from (("()", cell) for cell in thing.__closure__ or ())
    elif isinstance(thing, types.MethodType):
        yield from ((".__self__", thing.__self__), (".__func__", thing.__func__))
    elif isinstance(thing, types.CellType):
        yield "", thing.cell_contents if _is_filled(thing) else None
    elif isinstance(thing, _WITH_FRAMES):
        frame = _frame_of(thing)
        yield from ((f" {name}", value) for name, value in frame.f_locals.items()) if frame else ()
    elif not isinstance(thing, weakref.ref):
        yield from ((f".{name}", value) for name, value in vars_of(thing))


def vars_of(thing: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes in the ``__dict__`` and the slots of an object."""
    attributes = getattr(thing, "__dict__", None)
    if isinstance(attributes, dict):
        yield from tuple(attributes.items())
    for cls in type(thing).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            descriptor = vars(cls).get(name)
            if isinstance(descriptor, types.MemberDescriptorType):
                try:
                    yield name, descriptor.__get__(thing)
                except AttributeError:
                    continue


def _frame_of(thing: Any) -> types.FrameType | None:  # noqa: ANN401  # One of ``_WITH_FRAMES``.
    frame = getattr(thing, "gi_frame", None) or getattr(thing, "cr_frame", None)
    return thing if isinstance(thing, types.FrameType) else frame


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
