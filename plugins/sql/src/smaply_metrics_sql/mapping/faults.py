"""What is wrong with a mapping, and in which line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

from smaply_metrics_sql.mapping.model import MappingPart

_LIKELY: Final = 0.7
"""How similar an unknown key must be to a known one to be its misspelling."""


def describe_fault(text: str, error: ValidationError) -> str:
    """Return a sentence about the first fault of a mapping: its line, its key and what to do."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = first["loc"]
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    place = f"Line {line_of(text, path)}, “{key}”" if key else "The mapping"
    match first["type"]:
        case "missing":
            reason = "it is missing. Add it"
        case "extra_forbidden":
            reason = f"there is no such key. {_hint(key)}"
        case "enum":
            reason = f"use {first['ctx']['expected'].replace(chr(39), '')}"
        case "model_type" | "model_attributes_type" | "mapping_type" | "dict_type":
            reason = "it has to have keys and values, such as {column: name}"
        case "invalid_key":
            reason = "each key has to be a text, so put numbers in quotes"
        case "tuple_type":
            reason = "it has to be a list. Begin each item with a dash"
        case _:
            reason = reason_of(error)
    return f"{place}: {reason}."


def reason_of(error: ValidationError) -> str:
    """Return the first reason of an error, without a period."""
    first = error.errors(include_url=False, include_input=False)[0]
    return first["msg"].removeprefix("Value error, ").removesuffix(".")


def _hint(key: str) -> str:
    """Return the known key that is most similar to an unknown one."""
    near = difflib.get_close_matches(key, sorted(_keys(MappingPart)), n=1, cutoff=_LIKELY)
    return f"Write “{near[0]}”" if near else "Remove it"


def _keys(part: type[MappingPart]) -> Iterator[str]:
    for each in part.__subclasses__():
        yield from each.model_fields


def line_of(text: str, path: Sequence[int | str]) -> int:
    """Return the line of a part of a mapping; that of what contains it if it is missing."""
    node: Any = yaml.compose(text, yaml.SafeLoader)
    line: int = node.start_mark.line
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        marked, node = found
        line = marked.start_mark.line
    return line + 1


def _child(node: Any, part: int | str) -> tuple[Any, Any] | None:  # noqa: ANN401  # A node of YAML.
    """Return the node with the place of a part, and that with its value; ``None`` for none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if key.value == str(part))
        return next(pairs, None)
    return None
