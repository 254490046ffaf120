"""The result that a card shows, and its problem if the refresh found too few answers."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.calculations.response_text import describe_exclusions
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.errors import SmallGroupRefused
from smaply_metrics_core.host.store.metric_states import MetricState
from smaply_metrics_core.models.problem import Audience, Blame, Issue, Problem
from smaply_metrics_core.models.query import ENTERED
from smaply_metrics_core.models.result import Result, WindowResult

KIND: Final = "nothing_to_count"


def shown_result(state: MetricState, result: Result) -> Result:
    """Return the stored result of a metric without the small groups that its account hides."""
    minimum = state.minimum_group
    return hide_small_groups(result, state.metric.definition, minimum) if minimum else result


def empty_result_problem(result: Result) -> Problem | None:
    """Return why a result has no number; ``None`` when it or one of its groups has one."""
    current = result.current
    if current.hidden:
        return _hidden_problem(current.reason)
    if current.value is not None or current.answered:
        return None
    if result.calculation in ENTERED:
        if any(group.value is not None for group in result.groups):
            return None
        remedy = "Enter a value, or choose a longer date range in the metric."
        return _problem(current.reason, remedy)
    return _problem(*_message_and_remedy(current))


def _problem(message: str, remedy: str) -> Problem:
    return Problem(
        kind=KIND,
        issue=Issue.DATA,
        message=message,
        remedy=remedy,
        blame=Blame.SOURCE,
        audience=Audience.EDITOR,
        summary=message,
    )


def _hidden_problem(reason: str) -> Problem:
    return SmallGroupRefused(
        reason,
        remedy="Wait for more answers, or edit the metric: choose a longer date range, or remove "
        "filters.",
        summary=reason,
    ).to_problem()


def _message_and_remedy(current: WindowResult) -> tuple[str, str]:
    wait = "Wait for responses, or edit the metric and"
    if current.responses:
        message = (
            "The only counted response did not answer this question."
            if current.responses == 1
            else f"None of the {current.responses:,} counted responses answered this question."
        )
        return message, f"{wait} choose another question."
    if current.recorded:
        subject = (
            "The only response in this range is"
            if current.recorded == 1
            else "All responses in this range are"
        )
        return (
            f"{subject} excluded: {describe_exclusions(current.excluded)}.",
            f"{wait} include the excluded ones.",
        )
    return "There are no responses in this range.", f"{wait} choose a longer date range."
