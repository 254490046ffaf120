"""Answers queries about one survey with statements that count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, select

from smaply_metrics_core import GroupingRefused, MetricQuery, MetricsError, SourceContext, Tally
from smaply_metrics_core.calculations import check_definition
from smaply_metrics_sql.counting.grouping import EARLIEST, MOST_GROUPS, Grouping, KeyColumns
from smaply_metrics_sql.counting.relation import Catalog, Relation
from smaply_metrics_sql.counting.statement import Counter
from smaply_metrics_sql.counting.tallies import tally_of
from smaply_metrics_sql.databases.database import ColumnType, SqlDatabase
from smaply_metrics_sql.mapping.model import SurveyMapping
from smaply_metrics_sql.questionnaire import QuestionnaireReader


def fetch(  # noqa: PLR0913, PLR0917  # What a call consists of.
    database: SqlDatabase,
    catalog: Catalog,
    mapping: SurveyMapping,
    queries: Sequence[MetricQuery],
    context: SourceContext,
    as_of: datetime,
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Yield the tally of each query, or the error that explains why there is none.

    Raises:
        MetricsError: when the survey as a whole cannot be read.
    """
    context.progress(0, 3, "Reading the mapping")
    questionnaire = QuestionnaireReader(database, catalog).read(mapping, _named(queries))
    choices = {
        question.id: tuple(choice.key for choice in question.choices)
        for question in questionnaire.walk()
    }
    relation = Relation(database, mapping, catalog, choices)
    context.progress(1, 3, "Looking for the first and the last response")
    responses, *span = count_and_span(relation)
    columns = KeyColumns(relation, questionnaire, (span[0], span[1]))
    groupings: list[Grouping] = []
    guard = GroupGuard(relation, columns)
    for query in queries:
        try:
            check_definition(query.definition, questionnaire)
            grouping = columns.grouping(query)
            guard.check(grouping)
        except MetricsError as error:
            yield query.id, error
        else:
            groupings.append(grouping)
    context.progress(2, 3, "Counting the responses")
    wanted = [*dict.fromkeys(grouping.columns() for grouping in groupings)]
    counter = Counter(database, relation, columns, responses)
    counted = counter.count(wanted)
    for grouping in groupings:
        counts = counted[grouping.columns()]
        totals = columns.totals(grouping) if isinstance(counts, MetricsError) else None
        if totals is not None:
            grouping, counts = totals, counter.add_up(totals)  # noqa: PLW2901
        if isinstance(counts, MetricsError):
            yield grouping.query.id, counts
            continue
        try:
            tally = tally_of(grouping, counts, questionnaire, as_of)
        except MetricsError as error:
            yield grouping.query.id, error
        else:
            yield grouping.query.id, tally


def _named(queries: Sequence[MetricQuery]) -> set[str]:
    """Return the ids of the questions that the queries name."""
    return {of for query in queries for _, of in query.definition.named_questions()}


def first_and_last(relation: Relation) -> tuple[int, int]:
    """Return the seconds of the first and the last response, widened by any zone's offset."""
    return count_and_span(relation)[1:]


def count_and_span(relation: Relation) -> tuple[int, int, int]:
    """Return the number of responses, and the seconds of ``first_and_last``."""
    recorded = relation.recorded
    if recorded.type in _ORDERED:
        # Databases find the extremes of a column in its statistics or in an index.
        extremes = (
            select(
                func.min(recorded.column).label("first"),
                func.max(recorded.column).label("last"),
                func.count().label("responses"),
            )
            .select_from(relation.source)
            .subquery("extremes")
        )
        ends = [
            relation.database.epoch(each, recorded.type).seconds
            for each in (extremes.c["first"], extremes.c["last"])
        ]
        ((number, *seconds),) = relation.database.rows(select(extremes.c.responses, *ends))
        if all(one is not None and EARLIEST <= one <= _LATEST for one in seconds):
            return int(number), int(seconds[0]) - _A_DAY, int(seconds[1]) + _A_DAY
    every = relation.epoch.seconds
    usable: ColumnElement[Any] = case((every.between(EARLIEST, _LATEST), every))
    exact = select(func.count(), func.min(usable), func.max(usable)).select_from(relation.source)
    ((number, first, last),) = relation.database.rows(exact)
    if first is None:
        return int(number), 0, 0
    return int(number), int(first) - _A_DAY, int(last) + _A_DAY


_A_DAY: Final = 2 * 86_400
_LATEST: Final = 7_258_118_400 + _A_DAY
_ORDERED: Final = frozenset(
    {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE, ColumnType.INTEGER}
)
"""The types whose values have the order of the times that they are."""


class GroupGuard:
    """Refuses groups that look like identifiers before they are counted, so that none is read.

    Args:
        relation: The rows.
        columns: The columns that queries group by.
    """

    def __init__(self, relation: Relation, columns: KeyColumns) -> None:
        self._relation = relation
        self._columns = columns
        self._numbers: dict[str, int] = {}

    def check(self, grouping: Grouping) -> None:
        """Check the groups of a query.

        Raises:
            GroupingRefused: when there are too many.
        """
        if grouping.group is None:
            return
        if grouping.group not in self._numbers:
            self._numbers[grouping.group] = number = self._count(grouping.group)
            self._columns.sizes[grouping.group] = number + 1
        if self._numbers[grouping.group] > MOST_GROUPS:
            raise GroupingRefused(
                "Responses cannot be grouped by this question or field. It has more than "
                f"{MOST_GROUPS} different values.",
                remedy="Group by a question or field with few values, such as a region or a "
                "channel.",
            )

    def _count(self, group: str) -> int:
        """Return the number of different values, or one that is too large."""
        value = self._columns.inputs[group].label("v")
        found = select(value).select_from(self._relation.source).distinct()
        values = found.limit(MOST_GROUPS + 2).subquery("v")
        ((number,),) = self._relation.database.rows(select(func.count(values.c.v)))
        return int(number)
