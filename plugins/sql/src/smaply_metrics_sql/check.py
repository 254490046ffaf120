"""Checks credentials in steps."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from smaply_metrics_core import AccessMissing, CheckNote, CheckStep, NoSurveys, SourceContext
from smaply_metrics_sql import source
from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.mapping.catalog_faults import require_catalog
from smaply_metrics_sql.mapping.samples import TableSamples
from smaply_metrics_sql.opening import opened, reach
from smaply_metrics_sql.questionnaire import QuestionnaireReader
from smaply_metrics_sql.surveys import mapped_surveys


def check(credentials: SqlCredentials, context: SourceContext) -> Iterator[CheckStep | CheckNote]:
    """Yield each step before it is run.

    Raises:
        MetricsError: when the step that was yielded last fails.
    """
    yield source.REACH
    reach(credentials, context)
    yield source.AUTHENTICATE
    with opened(credentials, context) as database:
        yield source.SURVEYS
        tables = database.tables()
        surveys, catalog = mapped_surveys(credentials, tables)
        if not surveys:
            raise NoSurveys(
                "No table of the database looks like the responses of a survey.",
                remedy="Propose a mapping, which also finds tables with one row per answer, or "
                "grant the user SELECT on the table of responses.",
            )
        mapped = credentials.surveys()
        if mapped is not None:
            has_times = TableSamples(database, context.deadline).has_times
            require_catalog(credentials.mapping, mapped, tables, has_times)
        yield CheckNote(detail=f"Surveys: {len(surveys)}")
        yield source.READ_ONLY
        if database.can_write():
            raise AccessMissing(
                "The database user may change data.",
                remedy="Use a user with SELECT only: this source never writes, and should not be "
                "able to.",
            )
        yield source.EXPORT
        mapping = next(iter(surveys.values()))
        QuestionnaireReader(database, catalog).read(mapping)
        relation = Relation(database, mapping, catalog, {})
        ((responses,),) = database.rows(
            select(func.count(relation.epoch.seconds)).select_from(relation.source)
        )
        yield CheckNote(detail=f"Responses with a date in “{mapping.id}”: {responses:,}")
