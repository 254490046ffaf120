"""Validates definitions against the questionnaires of their surveys."""

from __future__ import annotations

from collections.abc import Sequence

from smaply_metrics_core.calculations.matrix_rows import row_questions
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.survey_restriction import require_chosen
from smaply_metrics_core.host.metrics.metric_lists import MetricInput
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.query import Definition, is_by_row
from smaply_metrics_core.models.survey import KnownQuestion, Questionnaire

QuestionsById = dict[str, KnownQuestion]
"""The names and texts of the questions of a definition, those of its rows included."""


class DefinitionCheck:
    """Reads questionnaires, and validates definitions.

    Args:
        runtime: The shared parts of the host.
        sessions: Opens the sessions with sources.
    """

    def __init__(self, runtime: Runtime, sessions: ConnectionSessions) -> None:
        self._runtime = runtime
        self._sessions = sessions

    def check(
        self, account: str, connection_id: str, definition: Definition
    ) -> tuple[ConnectionRow, QuestionsById]:
        """Return the connection of a definition, and its questions.

        Raises:
            MetricsError: when the definition is not valid, or the survey cannot be read.
        """
        row = self._runtime.find_connection(account, connection_id)
        questionnaire = self._questionnaire(row, definition.survey_id)
        return row, _questions_of(definition, questionnaire)

    def check_many(
        self, account: str, connection_id: str, new: Sequence[MetricInput]
    ) -> tuple[ConnectionRow, list[QuestionsById]]:
        """Return the connection of metrics, and the questions of each; read each survey once.

        Raises:
            MetricsError: as ``check``, for the first of them; the message names the metric.
        """
        row = self._runtime.find_connection(account, connection_id)
        questionnaires: dict[str, Questionnaire] = {}
        found = []
        for number, one in enumerate(new, 1):
            survey_id = one.definition.survey_id
            try:
                if survey_id not in questionnaires:
                    questionnaires[survey_id] = self._questionnaire(row, survey_id)
                found.append(_questions_of(one.definition, questionnaires[survey_id]))
            except MetricsError as error:
                error.message = f"Metric {number:,} (“{one.name}”): {error.message}"
                error.args = (error.message,)
                raise
        return row, found

    def _questionnaire(self, row: ConnectionRow, survey_id: str) -> Questionnaire:
        require_chosen(self._runtime, row, survey_id)
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.list)
        with self._sessions.session(row, deadline) as session:
            return session.questions(survey_id)


def _questions_of(definition: Definition, questionnaire: Questionnaire) -> QuestionsById:
    check_definition(definition, questionnaire)
    named = [questionnaire.question(named) for _, named in definition.named_questions()]
    if is_by_row(definition.group_by):
        named += row_questions(definition, named[0])
    return {one.id: KnownQuestion(name=one.name, text=one.text) for one in named}
