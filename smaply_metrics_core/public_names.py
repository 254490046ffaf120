"""``__module__`` of public objects: the module that users import them from.

Every public module (a *door*) passes its exports to ``set_public_module``, so that a repr, a
traceback and a pickle name ``smaply_metrics_core.Survey`` and not the module that defines it.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import get_annotations
from types import FunctionType
from typing import Final, ForwardRef

DOORS: Final = (
    "smaply_metrics_core",
    "smaply_metrics_core.http",
    "smaply_metrics_core.calculations",
    "smaply_metrics_core.charts",
    "smaply_metrics_core.host",
    "smaply_metrics_core.testing",
)
"""The public modules, the contract first. Everything else in the distribution is private."""

_PACKAGE: Final = "smaply_metrics_core"


def set_public_module(door: str, exports: Iterable[object]) -> None:
    """Set ``__module__`` of our classes and functions among ``exports`` to ``door``.

    An object that several doors export shows the first of them in ``DOORS``. Constants and objects
    of other libraries are left as they are.
    """
    for each in exports:
        if not isinstance(each, type | FunctionType):
            continue
        if each.__module__.partition(".")[0] != _PACKAGE:
            continue
        if each.__module__ in DOORS and DOORS.index(each.__module__) <= DOORS.index(door):
            continue
        if isinstance(each, type):
            _bind_annotations(each)
        each.__module__ = door


def _bind_annotations(cls: type) -> None:
    """Make annotations that are text refer to the module that defines the class.

    ``typing.get_type_hints`` and pydantic look names up in ``__module__``, and the door lacks the
    names that only the defining module imports.
    """
    annotations = get_annotations(cls)
    for name, value in annotations.items():
        text = value
        if isinstance(value, ForwardRef) and value.__forward_module__ is None:
            text = value.__forward_arg__
        if isinstance(text, str):
            annotations[name] = ForwardRef(
                text, is_argument=False, module=cls.__module__, is_class=True
            )
    cls.__annotations__ = annotations
