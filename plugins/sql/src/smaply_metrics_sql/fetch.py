"""Answers queries about one survey with statements that count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from smaply_metrics_core import (
    GroupingRefused,
    MetricQuery,
    MetricsError,
    Questionnaire,
    SourceContext,
    Tally,
)
from smaply_metrics_core.calculations import check_definition
from smaply_metrics_sql.counting.counts import CombinationCounts
from smaply_metrics_sql.counting.grouping import MOST_GROUPS, Grouping, KeyColumns
from smaply_metrics_sql.counting.relation import Catalog, Relation
from smaply_metrics_sql.counting.statement import Counter
from smaply_metrics_sql.counting.tallies import tally_of
from smaply_metrics_sql.counting.time_span import time_span
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.mapping.model import SurveyMapping
from smaply_metrics_sql.questionnaire import QuestionnaireReader


@dataclass(frozen=True)
class CountedQueries:
    """What a database counted for the queries of a survey, before it is turned into tallies.

    Attributes:
        questionnaire: The survey.
        counts: The counts of each grouping, or why there are none.
        refused: The queries that were not counted, and why.
    """

    questionnaire: Questionnaire
    counts: tuple[tuple[Grouping, CombinationCounts | MetricsError], ...]
    refused: Mapping[str, MetricsError]

    def answers(self, as_of: datetime) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Yield the tally of each query, or the error that explains why there is none."""
        yield from self.refused.items()
        for grouping, counts in self.counts:
            query_id = grouping.query.id
            if isinstance(counts, MetricsError):
                yield query_id, counts
                continue
            try:
                tally = tally_of(grouping, counts, self.questionnaire, as_of)
            except MetricsError as error:
                yield query_id, error
            else:
                yield query_id, tally


def count_queries(
    database: SqlDatabase,
    catalog: Catalog,
    mapping: SurveyMapping,
    queries: Sequence[MetricQuery],
    context: SourceContext,
) -> CountedQueries:
    """Let a database count for queries. It is not needed for the tallies, so it can be closed.

    Raises:
        MetricsError: when the survey as a whole cannot be read.
    """
    context.progress(0, 3, "Reading the mapping")
    reader = QuestionnaireReader(database, catalog)
    questionnaire = reader.read(mapping, _named(queries))
    choices = {
        question.id: tuple(choice.key for choice in question.choices)
        for question in questionnaire.walk()
    }
    relation = Relation(database, mapping, catalog, choices)
    context.progress(1, 3, "Looking for the first and the last response")
    span = time_span(relation)
    columns = KeyColumns(relation, questionnaire, span)
    groupings: list[Grouping] = []
    refused: dict[str, MetricsError] = {}
    guard = GroupGuard(relation, columns, reader.found)
    for query in queries:
        try:
            check_definition(query.definition, questionnaire)
            grouping = columns.grouping(query)
            guard.check(grouping)
        except MetricsError as error:
            refused[query.id] = error
        else:
            groupings.append(grouping)
    context.progress(2, 3, "Counting the responses")
    wanted = [*dict.fromkeys(grouping.columns() for grouping in groupings)]
    counter = Counter(database, relation, columns, span.responses)
    counted = counter.count(wanted)
    found: list[tuple[Grouping, CombinationCounts | MetricsError]] = []
    for grouping in groupings:
        counts = counted[grouping.columns()]
        totals = columns.totals(grouping) if isinstance(counts, MetricsError) else None
        found.append((grouping, counts) if totals is None else (totals, counter.add_up(totals)))
    return CountedQueries(questionnaire, tuple(found), refused)


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
    return count_queries(database, catalog, mapping, queries, context).answers(as_of)


def _named(queries: Sequence[MetricQuery]) -> set[str]:
    """Return the ids of the questions that the queries name."""
    return {of for query in queries for _, of in query.definition.named_questions()}


class GroupGuard:
    """Refuses groups that look like identifiers before they are counted, so that none is read.

    Args:
        relation: The rows.
        columns: The columns that queries group by.
        found: As in ``QuestionnaireReader``.
    """

    def __init__(self, relation: Relation, columns: KeyColumns, found: Mapping[str, int]) -> None:
        self._relation = relation
        self._columns = columns
        self._found = found
        self._numbers: dict[str, int] = {}

    def check(self, grouping: Grouping) -> None:
        """Check the groups of a query.

        Raises:
            GroupingRefused: when there are too many.
        """
        if grouping.group is None:
            return
        if grouping.group not in self._numbers:
            group_by = grouping.query.definition.group_by
            number = None
            if group_by is not None and group_by.kind == "question":
                number = self._found.get(group_by.of)
            if number is None:
                number = self._count(grouping.group)
            self._numbers[grouping.group] = number
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
