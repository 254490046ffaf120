"""The definitions of questions that refreshes found: one row per version.

A version is written by the refresh of its survey, which holds the lease, so no two processes write
the versions of one survey at the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from smaply_metrics_core.calculations.question_changes import (
    changes_of,
    definition_of,
    differences,
)
from smaply_metrics_core.host.store.dialect import in_list, json_text
from smaply_metrics_core.host.store.tables import question_versions
from smaply_metrics_core.models.question_change import (
    QuestionChange,
    QuestionDefinition,
    QuestionVersion,
)
from smaply_metrics_core.models.tally import Tally

logger = logging.getLogger(__name__)

MOST_VERSIONS: Final = 20
"""The maximum number of stored versions of a question; the oldest ones are deleted."""

LONGEST_ID: Final = 400
"""Questions with longer ids are not stored, so their changes are not detected."""

_KEY: Final = ("account", "connection_id", "survey_id", "question_id", "first_seen")


class SurveyQuestions:
    """The versions of the questions of one survey, as stored and as a refresh found them.

    Args:
        account: The account.
        connection_id: The connection.
        survey_id: The survey.
        stored: The stored versions of each question, oldest first.
    """

    def __init__(
        self,
        account: str,
        connection_id: str,
        survey_id: str,
        stored: dict[str, tuple[QuestionVersion, ...]],
    ) -> None:
        self._survey = {
            "account": account,
            "connection_id": connection_id,
            "survey_id": survey_id,
        }
        self._stored = stored
        self._found: dict[str, tuple[QuestionVersion, ...]] = {}

    def note(self, question_id: str | None, tally: Tally) -> None:
        """Add the definition that a tally has of its question, which ``save`` stores."""
        if question_id is None or question_id in self._found or len(question_id) > LONGEST_ID:
            return
        definition = definition_of(tally)
        if definition is not None:
            stored = self._stored.get(question_id, ())
            self._found[question_id] = _with_definition(stored, definition, tally.as_of)

    def changes(self, question_id: str | None, zone: str) -> tuple[QuestionChange, ...]:
        """Return the changes of a question, oldest first, with dates in a time zone."""
        stored = self._stored.get(question_id or "", ())
        return changes_of(self._found.get(question_id or "", stored), zone)

    def save(self, db: Connection) -> None:
        """Store the definitions that were noted."""
        replaced: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for question_id, versions in self._found.items():
            before = self._stored.get(question_id, ())
            row = {**self._survey, "question_id": question_id}
            replaced += [_key(row, version) for version in before if version not in versions]
            new += [_values(row, version) for version in versions if version not in before]
        if replaced:
            matching = [question_versions.c[name] == bindparam(f"its_{name}") for name in _KEY]
            db.execute(delete(question_versions).where(*matching), replaced)
        if new:
            db.execute(insert(question_versions), new)


def read(
    db: Connection,
    account: str,
    connection_id: str,
    survey_id: str,
    question_ids: Collection[str] | None = None,
) -> SurveyQuestions:
    """Return the versions of the questions of a survey, or only of some of them."""
    found = _select(db, account, [connection_id], [survey_id], question_ids)
    stored = found.get((connection_id, survey_id), {})
    return SurveyQuestions(account, connection_id, survey_id, stored)


def read_many(
    db: Connection, account: str, wanted: Collection[tuple[str, str, str]]
) -> dict[tuple[str, str], SurveyQuestions]:
    """Return the versions of questions of several surveys, in one statement.

    Args:
        db: The connection to the store.
        account: The account.
        wanted: The ids of the connection, the survey and the question of each.

    Returns:
        The questions by connection and survey.
    """
    connection_ids, survey_ids, question_ids = (
        sorted({one[part] for one in wanted}) for part in range(3)
    )
    found = _select(db, account, connection_ids, survey_ids, question_ids)
    return {
        survey: SurveyQuestions(account, *survey, found.get(survey, {}))
        for survey in {one[:2] for one in wanted}
    }


def _select(
    db: Connection,
    account: str,
    connection_ids: Sequence[str],
    survey_ids: Sequence[str],
    question_ids: Collection[str] | None,
) -> dict[tuple[str, str], dict[str, tuple[QuestionVersion, ...]]]:
    """Return the versions by connection and survey, and then by question."""
    columns = question_versions.c
    statement = select(
        columns.connection_id,
        columns.survey_id,
        columns.question_id,
        columns.first_seen,
        columns.last_seen,
        json_text(columns.definition),
    ).where(
        columns.account == account,
        in_list(db, columns.connection_id, connection_ids),
        in_list(db, columns.survey_id, survey_ids),
    )
    if question_ids is not None:
        statement = statement.where(in_list(db, columns.question_id, tuple(question_ids)))
    found: dict[tuple[str, str], dict[str, tuple[QuestionVersion, ...]]] = {}
    for row in db.execute(statement.order_by(columns.question_id, columns.first_seen)):
        stored = found.setdefault((row.connection_id, row.survey_id), {})
        stored[row.question_id] = (*stored.get(row.question_id, ()), *_version(row))
    return found


def _key(row: Mapping[str, str], version: QuestionVersion) -> dict[str, Any]:
    return {f"its_{name}": of for name, of in {**row, "first_seen": version.first_seen}.items()}


def _values(row: Mapping[str, str], version: QuestionVersion) -> dict[str, Any]:
    definition = version.definition.model_dump(mode="json")
    seen = {"first_seen": version.first_seen, "last_seen": version.last_seen}
    return {**row, **seen, "definition": definition}


def _version(row: Row[Any]) -> Iterator[QuestionVersion]:
    try:
        definition = QuestionDefinition.model_validate_json(row.definition)
    except ValidationError:
        logger.warning("A stored definition of question %r cannot be read.", row.question_id)
        return
    yield QuestionVersion(definition=definition, first_seen=row.first_seen, last_seen=row.last_seen)


def _with_definition(
    stored: Sequence[QuestionVersion], definition: QuestionDefinition, as_of: datetime
) -> tuple[QuestionVersion, ...]:
    """Return the versions of a question after a refresh that found a definition.

    Versions that were first seen at the same time or later, before the clock was set back, are
    replaced.
    """
    latest = stored[-1] if stored else None
    if latest is not None and not differences(latest.definition, definition):
        routing = latest.definition.routing
        if routing is None:  # It was stored by an older version, or by another one of the source.
            routing = definition.routing
        seen = QuestionVersion(
            definition=latest.definition.model_copy(update={"routing": routing}),
            first_seen=latest.first_seen,
            last_seen=max(latest.last_seen, as_of),
        )
        return (*stored[:-1], seen)
    new = QuestionVersion(definition=definition, first_seen=as_of, last_seen=as_of)
    return (*(one for one in stored if one.first_seen < as_of), new)[-MOST_VERSIONS:]
