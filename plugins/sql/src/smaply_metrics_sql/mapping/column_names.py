"""What the names of columns suggest about them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from smaply_metrics_sql.databases.database import CatalogColumn, CatalogTable, ColumnType

TIMES: Final = (
    *("recorded_at", "recorded_date", "submitted_at", "submitdate", "completed_at", "responded_at"),
    *("end_date", "ended_at", "created_at", "timestamp", "date"),
)
"""Names of columns with the time of a response, the best first."""
IDS: Final = ("response_id", "responseid", "submission_id", "id", "uuid")
FINISHED: Final = ("finished", "is_finished", "is_complete", "completed", "complete")
QUESTIONS: Final = (
    *("question", "question_id", "question_key", "question_code", "question_name", "item"),
    *("item_id", "variable", "field_key"),
)
"""Names of columns that state which question a row answers."""
ANSWERS: Final = (
    *("answer", "answer_value", "answer_code", "answer_text", "value", "response_value"),
    *("answer_id", "choice", "choice_id", "score", "rating", "text"),
)
NPS: Final = re.compile(r"(^|_)(nps|recommend\w*|ltr)(_|$)", re.IGNORECASE)
RATING: Final = re.compile(
    r"(^|_)(csat|ces|rating|score|satisfaction|stars|effort|q[0-9]+\w*)(_|$)", re.IGNORECASE
)
WEIGHT: Final = re.compile(r"(^|_)(weight\w*|wgt|wt|gewicht\w*)(_|$)", re.IGNORECASE)
_PERSONAL: Final = re.compile(
    r"(^|_)(e?_?mail|phone|mobile|first_?name|last_?name|full_?name|name|address|ip|ip_address|"
    r"birth\w*|user_?name|user_?id|customer_?id|contact_?id|token|latitude|longitude)(_|$)",
    re.IGNORECASE,
)
"""Names of columns about a person, in words with ``_`` between them."""
_WORD_END: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+")
_TIME_TYPES: Final = {
    ColumnType.INSTANT,
    ColumnType.TIMESTAMP,
    ColumnType.DATE,
    ColumnType.DYNAMIC,
    ColumnType.TEXT,
}
"""The types that a column with the name of a time can have."""


def named(table: CatalogTable, names: Iterable[str]) -> CatalogColumn | None:
    """Return the column with the first of some names that the table has, in any case."""
    columns = {column.name.lower(): column for column in reversed(table.columns)}
    return next((columns[name] for name in names if name in columns), None)


def time_of(table: CatalogTable) -> CatalogColumn | None:
    """Return the column with the time of a response."""
    times = [column for column in table.columns if column.type in _TIME_TYPES]
    found = named(replace(table, columns=tuple(times)), TIMES)
    return found or next(filter(is_timestamp, times), None)


def has_answer_rows(table: CatalogTable) -> bool:
    """Whether a table has the columns of one row per answer: a response, a question, an answer."""
    found = [named(table, names) for names in (IDS, QUESTIONS, ANSWERS)]
    return all(found) and len({one.name for one in found if one}) == len(found)


def is_timestamp(column: CatalogColumn) -> bool:
    """Whether the type of a column is that of times."""
    return column.type in {ColumnType.INSTANT, ColumnType.TIMESTAMP}


def identifies(name: str) -> bool:
    """Whether the name of a column is that of an identifier, or suggests a person."""
    return is_personal(name) or _words(name).lower().endswith(("_id", "uuid"))


def is_personal(name: str) -> bool:
    """Whether the name of a column suggests a person: it is never proposed, nor its values shown.

    Words may be separated in any way, as in ``E-Mail``, ``first name`` and ``customerId``.
    """
    return bool(_PERSONAL.search(_words(name)))


def _words(name: str) -> str:
    return _WORD_END.sub("_", name)


def same_schema_first(tables: Iterable[CatalogTable], schema: str) -> list[CatalogTable]:
    """Return tables in their order, but those of one schema before the others."""
    return sorted(tables, key=lambda table: table.schema != schema)
