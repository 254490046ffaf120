"""Parse the parts of a response schema that a survey definition does not contain.

``GET /surveys/{id}/response-schema`` returns the JSON Schema of one response. Only the schema lists
the embedded fields of contact lists and links, the results of Text iQ, and the loops that a block
takes from another question. Its ``dataType`` tells questions from embedded fields, whose names can
look like those of questions, scores or orders.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from smaply_metrics_qualtrics.export_columns import METADATA
from smaply_metrics_qualtrics.json_values import as_dict

_NUMBERS: Final = frozenset({"number", "integer"})
_AFTER_ID: Final = re.compile(r"(?:[_#].*)?", re.DOTALL)


class SchemaField(NamedTuple):
    """An embedded field in the schema."""

    name: str
    numeric: bool


def properties(schema: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties of a response. No value is assumed to have the documented type."""
    body = as_dict(as_dict(schema).get("properties"))
    for name, field in as_dict(as_dict(body.get("values")).get("properties")).items():
        yield name, as_dict(field)


def is_number(field: Mapping[str, Any]) -> bool:
    """Whether a property is a number, possibly among other types."""
    return not _NUMBERS.isdisjoint(_types(field))


def is_array(field: Mapping[str, Any]) -> bool:
    """Whether a property can have several values."""
    return "array" in _types(field)


def _types(field: Mapping[str, Any]) -> list[str]:
    """Return the types of a property: JSON Schema allows one or a list."""
    types = field.get("type")
    return [one for one in (types if isinstance(types, list) else [types]) if isinstance(one, str)]


def schema_fields(schema: object, known: Collection[str] = ()) -> tuple[SchemaField, ...]:
    """Return the embedded fields in a response schema. Never raises.

    Args:
        schema: The schema.
        known: The names of columns of the survey that are not embedded fields, such as scores.
    """
    return tuple(
        SchemaField(name, numeric=is_number(field))
        for name, field in properties(schema)
        if field.get("dataType") == "embeddedData"
        and name
        and not is_array(field)
        and name not in METADATA
        and name not in known
    )


def schema_loops(
    schema: object, question_ids: Collection[str], fields: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the ids of the loops of each question in loops, in order. Never raises.

    Args:
        schema: The schema.
        question_ids: The ids of the questions of the survey.
        fields: The names of the embedded fields that the survey definition declares.
    """
    found: dict[str, dict[str, None]] = {}
    for name, field in properties(schema):
        if field.get("dataType") != "question" or name in fields:
            continue
        question = field.get("questionId")
        if not isinstance(question, str) or question not in question_ids:
            continue
        loop, separator, rest = name.partition(f"_{question}")
        if loop and separator and _AFTER_ID.fullmatch(rest):
            found.setdefault(question, {})[loop] = None
    return {question: tuple(loops) for question, loops in found.items()}
