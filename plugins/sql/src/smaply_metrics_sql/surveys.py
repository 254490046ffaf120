"""The surveys of a database: those of the mapping, or those that look like one."""

from __future__ import annotations

from collections.abc import Sequence

from smaply_metrics_core import SurveyUnavailable
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.database import CatalogTable, SqlDatabase
from smaply_metrics_sql.mapping.model import SurveyMapping
from smaply_metrics_sql.mapping.proposal import propose


def mapped_surveys(
    credentials: SqlCredentials, tables: Sequence[CatalogTable]
) -> tuple[dict[str, SurveyMapping], Catalog]:
    """Return the surveys by their id, and the tables of the database."""
    mapping = credentials.surveys() or propose(tables)
    surveys = {one.id: one for one in mapping.surveys} if mapping is not None else {}
    return surveys, Catalog.of(tables)


def find_survey(
    credentials: SqlCredentials, database: SqlDatabase, survey_id: str
) -> tuple[SurveyMapping, Catalog]:
    """Return one survey, and the tables of the database.

    Raises:
        SurveyUnavailable: when there is no such survey.
    """
    surveys, catalog = mapped_surveys(credentials, database.tables())
    if survey_id not in surveys:
        raise SurveyUnavailable(
            f"The database has no survey “{survey_id}”.",
            remedy="Correct the mapping, or edit the metric and choose another survey.",
        )
    return surveys[survey_id], catalog
