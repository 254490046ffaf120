"""What a card says when there was nothing to count: no failure, yet no number either."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.models.problem import Audience, Blame, Issue, Problem
from smaply_metrics_core.models.result import Result, WindowResult

KIND: Final = "nothing_to_count"


def empty_result_problem(result: Result) -> Problem | None:
    """Say why a result has no number; ``None`` when it has one, or groups that have."""
    measured = result.current
    if measured.value is not None or measured.answered:
        return None
    message, remedy = _words(measured)
    return Problem(
        kind=KIND,
        issue=Issue.DATA,
        message=message,
        remedy=remedy,
        blame=Blame.SOURCE,
        audience=Audience.EDITOR,
        summary=message,
    )


def _words(measured: WindowResult) -> tuple[str, str]:
    wait = "Wait for responses, or edit the metric and"
    if measured.responses:
        said = f"None of the {measured.responses:,} responses that count answers this question."
        return said, f"{wait} choose another question."
    if measured.recorded:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in measured.excluded.items())
        return (
            f"Every response of this date range is left out: {reasons}.",
            f"{wait} include these.",
        )
    return "No response was recorded in this date range.", f"{wait} choose a longer date range."
