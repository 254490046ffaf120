"""Weights from the answers to another question, on the recordings of a real server."""

from __future__ import annotations

import pytest

from plugins.limesurvey.tests.replay_server import ReplayServer, recordings
from plugins.limesurvey.tests.support import query, session
from smaply_metrics_core import CalculationRefused, Tally, WeightReason
from smaply_metrics_core.calculations import calculate

STARS = {1: 33, 2: 36, 3: 24, 4: 62, 5: 79}
"""How many responses gave each number of stars."""


def test_responses_are_weighted_by_a_numeric_question() -> None:
    """Only the columns of the metric and of its weight are exported, in one call."""
    itself = query("910001", "stars", "average", weight="question:stars")
    other = query("910001", "nps", "nps", weight="question:stars")
    several = query("910001", "nps", "average", weight="question:used")
    with session(ReplayServer(recordings()).answer) as opened:
        answers = opened.fetch("910001", [itself, other, several])
    by_itself, by_other = answers[itself.id], answers[other.id]
    assert isinstance(by_itself, Tally)
    assert isinstance(by_other, Tally)
    weight = sum(stars * n for stars, n in STARS.items())
    squares = sum(stars * stars * n for stars, n in STARS.items())
    result = calculate(itself, by_itself, by_itself.as_of).current
    assert result.value == pytest.approx(squares / weight)
    assert result.effective_n == pytest.approx(weight**2 / squares)
    counts = by_other.window("current").total
    missing = counts.unanswered[WeightReason.MISSING]
    assert counts.answered + missing == 231
    assert missing > 0
    assert counts.weights is not None
    assert counts.weights.answered.sum > counts.answered
    assert isinstance(answers[several.id], CalculationRefused)
