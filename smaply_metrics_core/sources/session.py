"""A source in use: with credentials, a deadline, and everything a hook is handed."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

import pluggy

from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.context import Clock, Deadline, ProgressCallback, SourceContext
from smaply_metrics_core.errors import Cancelled, InputError, MetricsError
from smaply_metrics_core.models.check import StepResult
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources import validation
from smaply_metrics_core.sources.check_runner import run_steps
from smaply_metrics_core.sources.exception_details import (
    CapturedException,
    ContractViolation,
    describe,
)
from smaply_metrics_core.sources.isolation import PluginIsolation

if TYPE_CHECKING:
    import httpx

    from smaply_metrics_core.http import Exchange, RateLimiter

logger = logging.getLogger("smaply_metrics_core.sources")

MOST_SURVEYS: Final = 200_000
MOST_CHECK_ITEMS: Final = 1_000


@dataclass(frozen=True)
class SessionConfig:
    """What a session works with; made by ``Source.session``."""

    hooks: pluggy.HookRelay
    description: SourceDescription
    isolation: PluginIsolation
    credentials: Credentials = field(repr=False)
    destinations: tuple[Destination, ...]
    folder: Path
    deadline: Deadline
    clock: Clock
    rate_limiter: RateLimiter | None
    progress: ProgressCallback | None
    exchange: Callable[[Exchange], None] | None
    transport_factory: Callable[[], httpx.BaseTransport] | None


class SourceSession:
    """One source with one connection's credentials, until its deadline or the end of its block.

    Every method returns by the deadline, whatever the source does, and raises errors of our tree
    alone. Calls may come from several threads at once.
    """

    def __init__(self, handed: SessionConfig) -> None:
        self._handed = handed
        self._hooks = handed.hooks
        self._isolation = handed.isolation
        self._opened = ExitStack()
        self._lock = threading.Lock()
        self._context: SourceContext | None = None
        self._over = False

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where the credentials lead, as checked."""
        return self._handed.destinations

    def check(self) -> Iterator[StepResult]:
        """Try the credentials; gives the result of each declared step as soon as it is known.

        Errors are results here: only a cancellation is raised.

        Raises:
            Cancelled: when the caller asked to stop.
        """
        given, context = self._handed.credentials, self._ready()
        steps = self._isolation.stream(
            lambda: self._hooks.validate_credentials(credentials=given, context=context),
            lambda item: validation.step_or_note(item, self._isolation.redactor),
            deadline=self._handed.deadline,
            what="validate_credentials",
            most=MOST_CHECK_ITEMS,
        )
        with closing(steps):
            yield from run_steps(
                self._handed.description.checks,
                steps,
                clock=self._handed.clock,
                who=self._isolation.who,
            )

    def surveys(self) -> tuple[Survey, ...]:
        """Return every survey that the credentials can see, each once.

        Raises:
            MetricsError: what the source raised; never a part of the list.
            PluginError: when it failed, gave something else or one survey twice, or told a secret.
        """
        given, context = self._handed.credentials, self._ready()
        surveys, error = self._isolation.collect(
            lambda: self._hooks.list_surveys(credentials=given, context=context),
            validation.Surveys(),
            deadline=self._handed.deadline,
            what="list_surveys",
            most=MOST_SURVEYS,
        )
        if error is not None:
            raise error
        try:  # In one go: each on its own takes 20 times as long, seconds for long lists.
            validation.check_silent(self._isolation.redactor, "list_surveys", *surveys)
        except ContractViolation as broken:
            told = describe(broken)
        else:
            return surveys
        raise self._error("list_surveys", told)

    def questions(self, survey_id: str) -> Questionnaire:
        """Describe one survey.

        Raises:
            MetricsError: what the source raised, such as ``SurveyUnavailable``.
            PluginError: when it failed, described another survey or one question twice, or told a
                secret.
        """
        given, context = self._handed.credentials, self._ready()
        return self._isolation.call(
            lambda: validation.questionnaire(
                self._hooks.list_questions(credentials=given, context=context, survey_id=survey_id),
                survey_id,
                self._isolation.redactor,
            ),
            deadline=self._handed.deadline,
            what="list_questions",
        )

    def fetch(
        self, survey_id: str, queries: Sequence[MetricQuery]
    ) -> dict[str, Tally | MetricsError]:
        """Answer queries about one survey: for the id of each, its tally or its error.

        A tally that came before the source failed is complete and kept; the queries that were not
        answered get the error.

        Raises:
            InputError: when two queries have one id.
            Cancelled: when the caller asked to stop.
        """
        given = self._handed.credentials
        return self._answers(
            "fetch_metric",
            lambda context: self._hooks.fetch_metric(
                credentials=given,
                context=context,
                survey_id=survey_id,
                queries=tuple(queries),
            ),
            queries,
        )

    def recompute(
        self, survey_id: str, queries: Sequence[MetricQuery], bundle: BundleReader
    ) -> dict[str, Tally | MetricsError]:
        """Answer queries about one survey from a debug bundle; otherwise as ``fetch``."""
        return self._answers(
            "recompute_metric",
            lambda context: self._hooks.recompute_metric(
                context=context, survey_id=survey_id, queries=tuple(queries), bundle=bundle
            ),
            queries,
        )

    def _answers(
        self, hook: str, start: Callable[[SourceContext], object], queries: Sequence[MetricQuery]
    ) -> dict[str, Tally | MetricsError]:
        asked = {query.id: query for query in queries}
        if len(asked) != len(queries):
            raise InputError(
                "Two queries of one call have the same id.", remedy="Give each an id of its own."
            )
        if not asked:
            return {}
        context = self._ready()
        answers, error = self._isolation.collect(
            lambda: start(context),
            lambda item: validation.answer(item, asked, self._isolation.redactor, hook),
            deadline=self._handed.deadline,
            what=hook,
            most=2 * len(asked) + 8,  # Enough to tell what is wrong with one that repeats itself.
        )
        if isinstance(error, Cancelled):
            raise error
        return self._sorted(hook, asked, answers, error)

    def _sorted(
        self,
        hook: str,
        asked: dict[str, MetricQuery],
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
        missing = [query_id for query_id in asked if query_id not in found]
        for query_id in missing:
            found[query_id] = error or self._broken(
                hook, stray or f"{hook} never answered the query “{query_id}”."
            )
        if stray and not missing:
            told = self._isolation.redactor.redact_line(stray)
            logger.warning("%s broke its contract: %s", self._isolation.who, told)
        return {query_id: found[query_id] for query_id in asked}

    def _broken(self, hook: str, text: str) -> MetricsError:
        return self._error(hook, describe(ContractViolation(text)))

    def _error(self, hook: str, failed: CapturedException) -> MetricsError:
        return self._isolation.error(failed, self._handed.deadline, hook)

    def debug_export(self, survey_id: str, bundle: BundleWriter) -> None:
        """Have the survey's raw responses and definition written into the bundle.

        Raises:
            MetricsError: what the source or the bundle raised.
            PluginError: when the source failed.
        """
        given, context = self._handed.credentials, self._ready()
        self._isolation.call(
            lambda: validation.nothing(
                self._hooks.debug_export(
                    credentials=given, context=context, survey_id=survey_id, bundle=bundle
                ),
                "debug_export",
            ),
            deadline=self._handed.deadline,
            what="debug_export",
        )

    def close(self) -> None:
        """End the session: its HTTP client is closed, and no further call is possible."""
        with self._lock:
            self._over = True
            self._opened.close()

    def _ready(self) -> SourceContext:
        """Make what hooks are handed, at the first call: this loads the HTTP library."""
        with self._lock:
            if self._over:
                raise InputError(
                    "This session with the source is over.", remedy="Open another one."
                )
            if self._context is None:
                self._context = self._make_context()
            return self._context

    def _make_context(self) -> SourceContext:
        from smaply_metrics_core.http import RateLimiter, build_client

        handed = self._handed
        limits = handed.description.limits
        client = build_client(
            [one for one in handed.destinations if one.kind == "host"],
            deadline=handed.deadline,
            clock=handed.clock,
            limits=handed.rate_limiter or (RateLimiter(limits, handed.clock) if limits else None),
            transport=handed.transport_factory() if handed.transport_factory else None,
            exchange=handed.exchange,
        )
        self._opened.callback(client.close)
        return SourceContext(
            http=client,
            deadline=handed.deadline,
            destinations=handed.destinations,
            folder=handed.folder,
            clock=handed.clock,
            report=self._report,
        )

    def _report(self, done: object, total: object, what: object) -> None:
        """Pass progress on to the host, once it is what it says; runs on the source's thread."""
        if not (_is_number(done) and (total is None or _is_number(total)) and type(what) is str):
            raise ContractViolation(
                "progress takes two numbers and a text (the second may be None)."
            )
        if self._handed.progress is None or self._over:
            return
        try:
            self._handed.progress(done, total, self._isolation.redactor.redact_line(what))
        except Exception:
            logger.exception("The host's own progress function failed.")


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) is int or (type(value) is float and math.isfinite(value))
