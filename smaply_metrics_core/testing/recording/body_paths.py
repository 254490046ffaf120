"""Paths of values in bodies and queries, such as ``params[1]`` or ``responses[*].email``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, TypeAlias


class Part(Enum):
    """The parts of a path or location that are neither a name nor an index."""

    ANY = "*"
    QUERY = "?"


Location: TypeAlias = tuple[str | int | Part, ...]
"""Where a value is: names of fields and indexes of lists, after ``Part.QUERY`` in a query."""

_STEP: Final = re.compile(
    r"(?P<start>^|\.)(?:(?P<any>\*)|(?P<name>[^.\[\]?*\"'\s$][^.\[\]]*))"
    r"|\[(?:(?P<item>\*)|(?P<index>[0-9]+)|(?P<quoted>\"(?:[^\"\\]|\\.)*\"))\]"
)
WHOLE: Final = "$"


class BodyPath:
    """A path: names of fields with dots, indexes in brackets, and ``*`` for any of them.

    ``["a.b"]`` is a name with dots or brackets, ``?name`` a parameter of the query, and ``$`` the
    whole body.

    Raises:
        ValueError: if it is not a path.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = _steps(text)

    def __repr__(self) -> str:
        return f"BodyPath({self.text!r})"

    @property
    def names_many(self) -> bool:
        """Whether the path has a wildcard, and may name any number of values."""
        return Part.ANY in self._steps

    def matches(self, location: Location) -> bool:
        """Whether the path names the value at a location."""
        return len(location) == len(self._steps) and all(
            step == at or (step is Part.ANY and at is not Part.QUERY)
            for step, at in zip(self._steps, location, strict=True)
        )


def _steps(text: str) -> Location:
    if text == WHOLE:
        return ()
    steps: list[str | int | Part] = [Part.QUERY] if text.startswith("?") else []
    rest = text.removeprefix("?")
    at = 0
    while at < len(rest) or not rest:
        found = _STEP.match(rest, at)
        if found is None or (found["start"] == "." and at == 0):
            raise ValueError(
                f"“{text}” is not a path. Examples: params[1], responses[*].email, "
                '["a name with . or [ ]"], ?token for a parameter of the query, $ for the body.'
            )
        steps.append(_step(found))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> str | int | Part:
    if found["any"] or found["item"]:
        return Part.ANY
    if found["index"]:
        return int(found["index"])
    return str(json.loads(found["quoted"])) if found["quoted"] else found["name"]


def path_text(location: Location) -> str:
    """Return a location as the text of a path."""
    return "".join(_parts(location)).removeprefix(".") or WHOLE


def _parts(location: Sequence[str | int | Part]) -> Sequence[str]:
    parts: list[str] = []
    for at in location:
        if isinstance(at, Part):
            parts.append(at.value)
        elif isinstance(at, int):
            parts.append(f"[{at}]")
        elif re.fullmatch(r"[^.\[\]?*\"'\s$][^.\[\]]*", at):
            parts.append(at if parts == [Part.QUERY.value] else f".{at}")
        else:
            parts.append(f"[{json.dumps(at, ensure_ascii=False)}]")
    return parts
