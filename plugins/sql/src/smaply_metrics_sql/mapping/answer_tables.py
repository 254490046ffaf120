"""Finds tables with one row per answer, and the table of the responses that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from smaply_metrics_sql.databases.database import CatalogTable, ColumnType
from smaply_metrics_sql.mapping.column_names import (
    ANSWERS,
    IDS,
    NPS,
    QUESTIONS,
    identifies,
    is_timestamp,
    named,
    same_schema_first,
)
from smaply_metrics_sql.mapping.model import (
    AnswerType,
    ChildTable,
    LongTable,
    MappedQuestion,
)
from smaply_metrics_sql.mapping.samples import QuestionAnswers, TableSamples, Values

_MOST_PAIRS: Final = 200
"""The maximum number of pairs of tables that are compared."""
_MOST_NAMED: Final = 20_000
"""The maximum number of pairs of tables that are looked at because of the names of columns."""
_ORDERS: Final = {"id", "uuid", "position", "sort", "sort_order", "ordinal", "rank", "seq"}
_REFERS: Final = 0.9
"""The share of the ids of a table of answers that must be those of the table of responses."""
_LARGEST_NPS: Final = 10
_MOST_ON_A_SCALE: Final = 11
_MOST_CHOICES: Final = 30


@dataclass(frozen=True)
class AnswerRows:
    """A table with one row per answer.

    Attributes:
        table: The table.
        responses: The table of the responses.
        response_id: The column of the id in that table.
        columns: Its columns: of a long table, or of a child table with the answers to one question.
        share: The share of its ids of responses that the table of responses has.
    """

    table: CatalogTable
    responses: CatalogTable
    response_id: str
    columns: LongTable | ChildTable
    share: float = 0.0

    @property
    def is_certain(self) -> bool:
        """Whether nearly all of its rows belong to a response."""
        return self.share >= _REFERS


def answer_tables(
    tables: Iterable[CatalogTable], responses: Sequence[CatalogTable], samples: TableSamples
) -> Iterator[AnswerRows]:
    """Yield the tables with one row per answer.

    Args:
        tables: The tables to look at.
        responses: Tables with one row per response.
        samples: Samples of both.
    """
    found: dict[str, AnswerRows] = {}
    pairs = islice(_related(tables, responses), _MOST_NAMED)
    for made in islice(filter(None, (_answers_of(*pair) for pair in pairs)), _MOST_PAIRS):
        share = samples.share_found(
            made.table, made.columns.response, made.responses, made.response_id
        )
        best = found.get(made.table.full_name)
        if best is None or share > best.share:
            found[made.table.full_name] = replace(made, share=share)
    yield from found.values()


def _related(
    tables: Iterable[CatalogTable], responses: Sequence[CatalogTable]
) -> Iterator[tuple[CatalogTable, CatalogTable]]:
    """Yield the pairs of tables of which the first has a column named like the id of the second."""
    referred: dict[str, set[int]] = {}
    for place, other in enumerate(responses):
        key = named(other, IDS)
        for name in _references(other.name, key.name) if key else ():
            referred.setdefault(name, set()).add(place)
    for one in tables:
        places = set[int]().union(*(referred.get(it.name.lower(), ()) for it in one.columns))
        for other in same_schema_first([responses[place] for place in sorted(places)], one.schema):
            if other.full_name != one.full_name:
                yield one, other


def _answers_of(table: CatalogTable, responses: CatalogTable) -> AnswerRows | None:
    """Return how a table has answers of responses; ``None`` if it has no column with their id."""
    key = named(responses, IDS)
    reference = named(table, _references(responses.name, key.name)) if key else None
    if key is None or reference is None:
        return None
    question, answer = named(table, QUESTIONS), named(table, ANSWERS)
    about = {reference.name, question.name if question else ""}
    if answer is None or answer.name in about:
        others = [
            one
            for one in table.columns
            if one.name not in about and one.name.lower() not in _ORDERS and not is_timestamp(one)
        ]
        answer = others[0] if len(others) == 1 and not identifies(others[0].name) else None
    if answer is None or answer.type in {ColumnType.ARRAY, ColumnType.OTHER}:
        return None
    part = {"table": table.full_name, "response": reference.name, "answer": answer.name}
    columns = LongTable(**part, question=question.name) if question else ChildTable(**part)
    return AnswerRows(table, responses, key.name, columns)


def _references(table: str, key: str) -> Iterator[str]:
    """Yield the names that a column with the id of a table has in other tables."""
    if key.lower() not in {"id", "uuid"}:
        yield key.lower()
    words = table.lower().split("_")
    for start in range(len(words)):
        stem = "_".join(words[start:])
        for one in (stem, stem.removesuffix("s"), stem.removesuffix("es")):
            yield from (f"{one}_id", f"{one}id", f"{one}_uuid", one)


def long_question(key: str, found: QuestionAnswers, answer: ColumnType) -> MappedQuestion:
    """Return the question of some answers in a long table.

    Args:
        key: What the column of questions has for it.
        found: Its answers.
        answer: The type of the column of answers.
    """
    return MappedQuestion(column=key, text=key, type=_type(key, found, answer))


def _type(key: str, found: QuestionAnswers, answer: ColumnType) -> AnswerType:
    values, complete = found.values
    numbers = whole_numbers(found.values)
    if found.several:
        return AnswerType.MULTIPLE if complete else AnswerType.TEXT
    if numbers and NPS.search(key) and numbers[0] >= 0 and numbers[-1] <= _LARGEST_NPS:
        return AnswerType.NPS
    if numbers and numbers[-1] - numbers[0] < _MOST_ON_A_SCALE:
        return AnswerType.SCALE
    if complete and 0 < len(values) <= _MOST_CHOICES and not numbers:
        return AnswerType.CHOICE
    is_number = answer not in {ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DYNAMIC}
    return AnswerType.NUMBER if is_number else AnswerType.TEXT


def whole_numbers(values: Values) -> list[int]:
    """Return the values in order if all of them are whole numbers, otherwise none."""
    if not values.complete or not all(
        one.removeprefix("-").isdecimal() and len(one) <= _MOST_ON_A_SCALE for one in values.counts
    ):
        return []
    return sorted(int(one) for one in values.counts)
