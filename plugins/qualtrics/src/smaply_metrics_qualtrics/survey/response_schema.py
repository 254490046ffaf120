"""What a survey's response-schema adds to its definition.

``GET /surveys/{id}/response-schema`` is a JSON Schema of one response. Contact lists and links add
embedded fields that no flow declares, Text iQ adds the topics of texts, and the loops of a block
may come from elsewhere: all of them stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from smaply_metrics_qualtrics.export_columns import METADATA
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict

_TOPICS: Final = re.compile(
    r"(?:[^_]+_)?(?P<question>QID\d+)(?:_x?\d+)*_TEXT_[0-9a-f]{24}.*", re.DOTALL
)
_QUESTION: Final = re.compile(r"(?:(?P<loop>[^_]+)_)?(?P<question>QID\d+)(?:[_#].*)?", re.DOTALL)
_ORDER: Final = re.compile(r"(?:FL|BL)_.+_DO|.+_DO")
_SCORE: Final = re.compile(r"SC_[A-Za-z0-9]+")


class SchemaField(NamedTuple):
    """An embedded field as the schema has it."""

    name: str
    numeric: bool


class Topics(NamedTuple):
    """What Text iQ made of a text question.

    ``id`` is that of the column, ``question`` that of the question, ``text`` for people.
    """

    id: str
    question: str
    text: str


def _properties(schema: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the fields of a response. Nothing is trusted to have the right type."""
    body = as_dict(as_dict(schema).get("properties"))
    for name, field in as_dict(as_dict(body.get("values")).get("properties")).items():
        yield name, as_dict(field)


def schema_fields(schema: object) -> tuple[SchemaField, ...]:
    """Return the embedded fields in a response-schema. Never raises."""
    return tuple(
        SchemaField(name, numeric=field.get("type") in {"number", "integer"})
        for name, field in _properties(schema)
        if field.get("dataType") == "embeddedData"
        and name
        and field.get("type") != "array"
        and name not in METADATA
        and not any(kind.fullmatch(name) for kind in (_QUESTION, _ORDER, _SCORE))
    )


def schema_loops(schema: object) -> dict[str, tuple[str, ...]]:
    """Return the loops of each question that is asked in any, in their order. Never raises."""
    found: dict[str, dict[str, None]] = {}
    for name, _ in _properties(schema):
        match = _QUESTION.fullmatch(name)
        if match and match["loop"]:
            found.setdefault(match["question"], {})[match["loop"]] = None
    return {question: tuple(loops) for question, loops in found.items()}


def schema_topics(schema: object) -> tuple[Topics, ...]:
    """Return the topics of texts in a response-schema. Never raises."""
    return tuple(
        Topics(name, found["question"], html_to_text(field.get("description")) or name)
        for name, field in _properties(schema)
        if (found := _TOPICS.fullmatch(name))
    )


def is_in_loop(question_id: str) -> bool:
    """Whether a question id is that of a question in one of its loops."""
    found = _QUESTION.fullmatch(question_id)
    return bool(found and found["loop"])


def is_topics(question_id: str) -> bool:
    """Whether a question id is that of the topics of a text."""
    return bool(_TOPICS.fullmatch(question_id))
