"""A session with a source: calls of its hooks with credentials, a context and a deadline."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Final

from pydantic import SecretStr

from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import Cancelled, InputError, MetricsError
from smaply_metrics_core.forking import lost_thread
from smaply_metrics_core.models.check import StepResult
from smaply_metrics_core.models.columns import ColumnEdit, ColumnSheet
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources import validation
from smaply_metrics_core.sources.check_runner import run_steps
from smaply_metrics_core.sources.exception_details import (
    CapturedException,
    ContractViolation,
    describe,
)
from smaply_metrics_core.sources.matrix_queries import (
    RowsOfQueries,
    answer_by_row,
    current_rows,
)
from smaply_metrics_core.sources.session_context import ContextMaker, SessionConfig

logger = logging.getLogger("smaply_metrics_core.sources")

MOST_SURVEYS: Final = 200_000
MOST_CHECK_ITEMS: Final = 1_000


class _ForkedTooLate(InputError):
    """This process was forked from one that had started threads which the source needs."""

    process_only = True


class SourceSession:
    """A source with the credentials of one connection.

    Every method returns before the deadline and raises only ``MetricsError``. Thread-safe.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._hooks = config.hooks
        self._isolation = config.isolation
        self._maker = ContextMaker(config)
        self._lock = threading.Lock()
        self._context: SourceContext | None = None

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """The allowed destinations of the credentials."""
        return self._config.destinations

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets of the session: those of its credentials, and those that it sent."""
        return self._isolation.redactor.secrets

    def check(self) -> Iterator[StepResult]:
        """Check the credentials; yield the result of each declared step as soon as it is known.

        Errors other than a cancellation are part of the results.

        Raises:
            Cancelled: when the caller cancelled the check.
        """
        given, context = self._config.credentials, self._ready()
        steps = self._isolation.stream(
            lambda: self._hooks.validate_credentials(credentials=given, context=context),
            lambda item: validation.step_or_note(item, self._isolation.redactor),
            deadline=self._config.deadline,
            what="validate_credentials",
            most=MOST_CHECK_ITEMS,
        )
        with closing(steps):
            yield from run_steps(
                self._config.description.checks,
                steps,
                clock=self._config.clock,
                who=self._isolation.who,
            )

    def surveys(self) -> tuple[Survey, ...]:
        """Return all surveys that are visible with the credentials; never an incomplete list.

        Raises:
            MetricsError: when the source raised it.
            PluginError: when the source failed, or returned invalid or duplicate surveys or a
                secret.
        """
        given, context = self._config.credentials, self._ready()
        surveys, error = self._isolation.collect(
            lambda: self._hooks.list_surveys(credentials=given, context=context),
            validation.Surveys(MOST_SURVEYS),
            deadline=self._config.deadline,
            what="list_surveys",
            most=MOST_SURVEYS + 1,  # The validation reports more, as the survey tool's fault.
        )
        if error is not None:
            raise error
        try:  # All at once, which is 20 times as fast and saves seconds for long lists.
            validation.check_no_secrets(self._isolation.redactor, "list_surveys", *surveys)
        except ContractViolation as violation:
            captured = describe(violation, self._isolation.redactor)
            surveys = ()  # No traceback carries the secret.
        else:
            return surveys
        raise self._error("list_surveys", captured)

    def propose_value(self, field: str) -> str:
        """Return the value that the source proposes for a field of its form; empty for none.

        Raises:
            MetricsError: when the source raised it.
            PluginError: when the source failed, or returned another type, too long a text or a
                secret.
        """
        given, context = self._config.credentials, self._ready()
        return self._isolation.call(
            lambda: validation.proposed_value(
                self._hooks.propose_value(credentials=given, context=context, field=field),
                self._isolation.redactor,
            ),
            deadline=self._config.deadline,
            what="propose_value",
        )

    def edit_columns(self, field: str, table: str, edits: Sequence[ColumnEdit]) -> ColumnSheet:
        """Return a table with the roles of its columns, and the text of the field with edits.

        Raises:
            MetricsError: when the source raised it, such as ``InputError`` for an edit.
            PluginError: when the source failed, or returned another type, too long a text or a
                secret.
        """
        given, context = self._config.credentials, self._ready()
        return self._isolation.call(
            lambda: validation.column_sheet(
                self._hooks.edit_columns(
                    credentials=given, context=context, field=field, table=table, edits=edits
                ),
                self._isolation.redactor,
            ),
            deadline=self._config.deadline,
            what="edit_columns",
        )

    def questions(self, survey_id: str) -> Questionnaire:
        """Return the questions and fields of a survey.

        Raises:
            MetricsError: when the source raised it, such as ``SurveyUnavailable``.
            PluginError: when the source failed, or returned another survey, a duplicate question
                or a secret.
        """
        given, context = self._config.credentials, self._ready_to_count()
        return self._isolation.call(
            lambda: validation.questionnaire(
                self._hooks.list_questions(credentials=given, context=context, survey_id=survey_id),
                survey_id,
                self._isolation.redactor,
            ),
            deadline=self._config.deadline,
            what="list_questions",
        )

    def fetch(
        self,
        survey_id: str,
        queries: Sequence[MetricQuery],
        questionnaire: Questionnaire | None = None,
    ) -> dict[str, Tally | MetricsError]:
        """Return the tally or the error of each query of a survey, by query id.

        If the source fails, the tallies that it had yielded are complete and are returned; the
        other queries get the error. The rows of queries that are grouped by row are those of the
        ``questionnaire``; without one, the source lists the questions.

        Raises:
            InputError: when two queries have the same ID.
            Cancelled: when the caller cancelled the call.
        """
        start = partial(
            self._hooks.fetch_metric, credentials=self._config.credentials, survey_id=survey_id
        )
        rows = current_rows(queries, lambda: questionnaire or self.questions(survey_id))
        return answer_by_row(queries, rows, partial(self._answers, "fetch_metric", start))

    def recompute(
        self,
        survey_id: str,
        queries: Sequence[MetricQuery],
        bundle: BundleReader,
        rows: RowsOfQueries | None = None,
    ) -> dict[str, Tally | MetricsError]:
        """Return the tallies or errors as ``fetch`` does, from a debug bundle.

        ``rows`` are those of the queries that are grouped by row, which are not in the bundle.
        """
        start = partial(self._hooks.recompute_metric, survey_id=survey_id, bundle=bundle)
        answer = partial(self._answers, "recompute_metric", start)
        return answer_by_row(queries, rows or {}, answer)

    def _answers(
        self, hook: str, start: Callable[..., object], queries: Sequence[MetricQuery]
    ) -> dict[str, Tally | MetricsError]:
        requested = {query.id: query for query in queries}
        if len(requested) != len(queries):
            raise InputError(
                "Two queries of one call have the same ID.", remedy="Use a different ID for each."
            )
        if not requested:
            return {}
        context = self._ready_to_count()
        answers, error = self._isolation.collect(
            lambda: start(context=context, queries=tuple(queries)),
            lambda item: validation.answer(item, requested, self._isolation.redactor, hook),
            deadline=self._config.deadline,
            what=hook,
            most=2 * len(requested) + 8,  # Enough to report which query was answered twice.
        )
        if isinstance(error, Cancelled):
            raise error
        return self._sorted(hook, requested, answers, error)

    def _sorted(
        self,
        hook: str,
        requested: dict[str, MetricQuery],
        answers: tuple[validation.TallyAnswer | validation.StrayAnswer, ...],
        error: MetricsError | None,
    ) -> dict[str, Tally | MetricsError]:
        found: dict[str, Tally | MetricsError] = {}
        stray = ""
        for answer in answers:
            if isinstance(answer, validation.StrayAnswer):
                stray = stray or answer.fault
            elif answer.query_id in found:
                found[answer.query_id] = self._broken(
                    hook, f"{hook} answered the query “{answer.query_id}” twice."
                )
            elif isinstance(answer.result, CapturedException):
                found[answer.query_id] = self._error(hook, answer.result)
            else:
                found[answer.query_id] = answer.result
        missing = [query_id for query_id in requested if query_id not in found]
        for query_id in missing:
            found[query_id] = error or self._broken(
                hook, stray or f"{hook} never answered the query “{query_id}”."
            )
        if stray and not missing:
            fault = self._isolation.redactor.redact_line(stray)
            logger.warning("%s violated the contract: %s", self._isolation.who, fault)
        return {query_id: found[query_id] for query_id in requested}

    def _broken(self, hook: str, text: str) -> MetricsError:
        return self._error(hook, describe(ContractViolation(text), self._isolation.redactor))

    def _error(self, hook: str, failed: CapturedException) -> MetricsError:
        return self._isolation.error(failed, self._config.deadline, hook)

    def debug_export(self, survey_id: str, bundle: BundleWriter) -> None:
        """Write the survey's raw responses and definition to the bundle.

        Raises:
            MetricsError: when the source or the bundle raised it.
            PluginError: when the source failed.
        """
        given, context = self._config.credentials, self._ready_to_count()
        self._isolation.call(
            lambda: validation.nothing(
                self._hooks.debug_export(
                    credentials=given, context=context, survey_id=survey_id, bundle=bundle
                ),
                "debug_export",
            ),
            deadline=self._config.deadline,
            what="debug_export",
        )

    def close(self) -> None:
        """Close the session and its HTTP client; further calls raise ``InputError``."""
        with self._lock:
            self._maker.close()

    def _ready_to_count(self) -> SourceContext:
        """Return the context of hooks that read files or responses, which most do with Polars.

        Raises:
            InputError: in a child process where Polars would wait for ever; others can make the
                attempt.
        """
        if lost_thread("polars-0"):  # The first of its pool, which starts on use.
            raise _ForkedTooLate(
                f"{self._isolation.who} cannot read data in this process: it was forked after its "
                "parent had used Polars, whose threads do not exist here.",
                remedy="Fork before the parent refreshes, previews or counts anything, or start "
                "processes with the method “spawn” or “forkserver”.",
                audience=Audience.OPERATOR,
            )
        return self._ready()

    def _ready(self) -> SourceContext:
        """Return the context of hooks, created on the first call since it imports httpx."""
        with self._lock:
            if self._maker.closed:
                raise InputError(
                    "The session with the source is closed.", remedy="Open a new session."
                )
            if self._context is None:
                self._context = self._maker.make()
            return self._context
