"""Parse the parts of a response schema that a survey definition does not contain.

``GET /surveys/{id}/response-schema`` returns the JSON Schema of one response. Only the schema lists
the embedded fields of contact lists and links, the topics of Text iQ, and the loops that a block
takes from another question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from smaply_metrics_qualtrics.export_columns import METADATA
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_text

_TOPICS: Final = re.compile(
    r"(?:[^_]+_)?(?P<question>QID\d+)(?:_x?\d+)*_TEXT_[0-9a-f]{24}.*", re.DOTALL
)
_QUESTION: Final = re.compile(r"(?:(?P<loop>[^_]+)_)?(?P<question>QID\d+)(?:[_#].*)?", re.DOTALL)
_ORDER: Final = re.compile(r"(?:FL|BL)_.+_DO|.+_DO")
_SCORE: Final = re.compile(r"SC_[A-Za-z0-9]+")


class SchemaField(NamedTuple):
    """An embedded field in the schema."""

    name: str
    numeric: bool


class Topics(NamedTuple):
    """The Text iQ topics of a text question.

    Attributes:
        id: The id of the column.
        question: The id of the question.
        text: The text to display.
    """

    id: str
    question: str
    text: str


def _properties(schema: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties of a response. No value is assumed to have the documented type."""
    body = as_dict(as_dict(schema).get("properties"))
    for name, field in as_dict(as_dict(body.get("values")).get("properties")).items():
        yield name, as_dict(field)


def schema_fields(schema: object) -> tuple[SchemaField, ...]:
    """Return the embedded fields in a response schema. Never raises."""
    return tuple(
        SchemaField(name, numeric=as_text(field.get("type")) in {"number", "integer"})
        for name, field in _properties(schema)
        if field.get("dataType") == "embeddedData"
        and name
        and field.get("type") != "array"
        and name not in METADATA
        and not any(kind.fullmatch(name) for kind in (_QUESTION, _ORDER, _SCORE))
    )


def schema_loops(schema: object) -> dict[str, tuple[str, ...]]:
    """Return the ids of the loops of each question in loops, in order. Never raises."""
    found: dict[str, dict[str, None]] = {}
    for name, _ in _properties(schema):
        match = _QUESTION.fullmatch(name)
        if match and match["loop"]:
            found.setdefault(match["question"], {})[match["loop"]] = None
    return {question: tuple(loops) for question, loops in found.items()}


def schema_topics(schema: object) -> tuple[Topics, ...]:
    """Return the Text iQ topics in a response schema. Never raises."""
    return tuple(
        Topics(name, found["question"], html_to_text(field.get("description")) or name)
        for name, field in _properties(schema)
        if (found := _TOPICS.fullmatch(name))
    )


def is_in_loop(question_id: str) -> bool:
    """Whether a question id refers to a question in one loop."""
    found = _QUESTION.fullmatch(question_id)
    return bool(found and found["loop"])


def is_topics(question_id: str) -> bool:
    """Whether a question id refers to Text iQ topics."""
    return bool(_TOPICS.fullmatch(question_id))
