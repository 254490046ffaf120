"""Checks of credentials, and which metrics they cannot serve."""

from __future__ import annotations

from collections.abc import Sequence

from smaply_metrics_core.context import StepCallback
from smaply_metrics_core.errors import CredentialRefused, MetricsError, SurveyUnavailable
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.problem import Issue, Problem
from smaply_metrics_core.sources.session import SourceSession


def run_check(session: SourceSession, on_step: StepCallback | None) -> CheckReport:
    """Run the steps of a check, and report each when it has ended."""
    steps = []
    for step in session.check():
        steps.append(step)
        if on_step is not None:
            on_step(step)
    return CheckReport(steps=tuple(steps))


def failure_of(report: CheckReport) -> Problem | None:
    """Return why stored credentials have failed a check; ``None`` if they have passed it."""
    problem = report.problem
    if report.passed or problem is None or problem.kind != CredentialRefused.kind:
        return None if report.passed else problem
    # The credentials were accepted when they were saved.
    return problem.model_copy(update={"issue": Issue.TOKEN_REVOKED})


def unseen_metrics(session: SourceSession, metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Return the names of the metrics whose survey the credentials cannot see."""
    gone = set()
    for survey_id in {metric.definition.survey_id for metric in metrics}:
        try:
            session.questions(survey_id)
        except SurveyUnavailable:
            gone.add(survey_id)
        except MetricsError:
            continue  # Unknown for now; the next refresh reports it.
    return tuple(metric.name for metric in metrics if metric.definition.survey_id in gone)
