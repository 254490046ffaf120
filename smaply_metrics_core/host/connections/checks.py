"""Checks of credentials, and which metrics they cannot serve."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeAlias

from smaply_metrics_core.context import Clock, StepCallback
from smaply_metrics_core.errors import CredentialRefused, MetricsError, SurveyUnavailable
from smaply_metrics_core.host.exchange_totals import ExchangeTotals
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.problem import Issue, Problem
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.observability.instruments import OUTCOME, SOURCE
from smaply_metrics_core.observability.log_events import log_event
from smaply_metrics_core.sources.session import SourceSession

if TYPE_CHECKING:
    from smaply_metrics_core.http import Exchange

logger = logging.getLogger(__name__)

OpenSession: TypeAlias = (
    "Callable[[Callable[[Exchange], None]], AbstractContextManager[SourceSession]]"
)
"""Opens a session that reports its requests to a function."""


def failure_of(report: CheckReport) -> Problem | None:
    """Return why stored credentials have failed a check; ``None`` if they have passed it."""
    problem = report.problem
    if report.passed or problem is None or problem.kind != CredentialRefused.kind:
        return None if report.passed else problem
    # The credentials were accepted when they were saved.
    return problem.model_copy(update={"issue": Issue.TOKEN_REVOKED})


class CredentialsCheck:
    """A check of credentials in an open session."""

    def __init__(self, session: SourceSession) -> None:
        self._session = session
        self.report: CheckReport | None = None

    def run(self, on_step: StepCallback | None) -> CheckReport:
        """Run the steps of the check, and report each when it has ended."""
        steps = []
        for step in self._session.check():
            steps.append(step)
            if on_step is not None:
                on_step(step)
        self.report = CheckReport(steps=tuple(steps))
        return self.report

    def unseen_metrics(self, metrics: Sequence[Metric]) -> tuple[str, ...]:
        """Return the names of the metrics whose survey the credentials cannot see."""
        gone = set()
        for survey_id in {metric.definition.survey_id for metric in metrics}:
            try:
                self._session.questions(survey_id)
            except SurveyUnavailable:
                gone.add(survey_id)
            except MetricsError:
                continue  # Unknown for now; the next refresh reports it.
        return tuple(metric.name for metric in metrics if metric.definition.survey_id in gone)


@contextmanager
def logged_check(
    account: str, connection_id: str, source: str, clock: Clock, open_session: OpenSession
) -> Iterator[CredentialsCheck]:
    """Open a session to check credentials, and log one record when it ends."""
    totals, begun = ExchangeTotals(), clock.monotonic()
    check: CredentialsCheck | None = None
    error: str | None = None
    with correlated(), telemetry.span("check", {SOURCE: source}) as span:
        try:
            with open_session(totals.note) as session:
                check = CredentialsCheck(session)
                yield check
        except BaseException as raised:
            error = raised.kind if isinstance(raised, MetricsError) else type(raised).__name__
            raise
        finally:
            report = None if check is None else check.report
            if report is not None and not report.passed and report.problem is not None:
                error = report.problem.kind
            outcome = "passed" if error is None else "failed"
            steps = report.steps if report else ()
            log_event(
                logger,
                logging.INFO,
                "The check passed." if error is None else "The check failed.",
                {
                    "outcome": outcome,
                    "account": account,
                    "connection": connection_id,
                    "source": source,
                    "steps": ",".join(f"{step.name}:{step.status}" for step in steps),
                    "seconds": round(clock.monotonic() - begun, 3),
                    "bytes": totals.bytes,
                    "requests": totals.requests,
                    "request_id": totals.request_id,
                    "error": error,
                },
            )
            span.set({OUTCOME: outcome})
            if error is not None:
                span.fail(error)
