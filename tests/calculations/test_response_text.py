"""The numbers of responses behind a value, as text."""

from __future__ import annotations

import pytest

from smaply_metrics_core.calculations.response_text import describe_answers, describe_responses
from smaply_metrics_core.models.query import Window
from smaply_metrics_core.models.result import WindowResult


def measured(responses: int, excluded: dict[str, int], unanswered: dict[str, int]) -> WindowResult:
    """Return the value of a window."""
    return WindowResult(
        window=Window(),
        value=1,
        responses=responses,
        answered=responses - sum(unanswered.values()),
        unanswered=unanswered,
        excluded=excluded,
        recorded=responses + sum(excluded.values()),
        low_sample=False,
    )


@pytest.mark.parametrize(
    ("responses", "excluded", "said"),
    [
        (
            1204,
            {"preview": 14, "unfinished": 92},
            "1,204 of 1,310 recorded; 92 unfinished, 14 previews excluded",
        ),
        (3, {}, "3 of 3 recorded"),
        (0, {"preview": 1}, "0 of 1 recorded; 1 preview excluded"),
        (0, {"spam": 0}, "0 of 0 recorded"),
        (
            1,
            {"spam": 2, "test": 2, "too_old": 7, "odd": 7},
            "1 of 19 recorded; 2 tests, 2 spam, 7 odd, 7 too old excluded",
        ),
        (1, {"test": 1}, "1 of 2 recorded; 1 test excluded"),
    ],
)
def test_excluded_responses_are_named_by_reason(
    responses: int, excluded: dict[str, int], said: str
) -> None:
    """The text has the counted, recorded and excluded responses."""
    assert describe_responses(measured(responses, excluded, {})) == said


def test_responses_without_an_answer_are_named_by_reason() -> None:
    """The most frequent reason comes first."""
    made = measured(1204, {}, {"not_applicable": 14, "not_shown": 90})
    assert describe_answers(made) == "1,100 of 1,204 answered; 90 not shown, 14 not applicable"
    assert describe_answers(measured(5, {}, {})) == "5 of 5 answered"
