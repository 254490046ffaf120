"""What a source returns for entered values is checked before anything is calculated."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from smaply_metrics_core import (
    Calculation,
    Counts,
    Definition,
    EnteredValue,
    MetricQuery,
    Tally,
    WindowTally,
)
from smaply_metrics_core.models.query import Window
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.exception_details import CapturedException
from smaply_metrics_core.sources.validation import TallyAnswer, answer

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
VALUE = EnteredValue(value=43, day=date(2026, 10, 31), n=25, entered_by="Ana", entered_at=NOW)
GOOD = Counts.of_entered(VALUE)


def answered(
    counts: Counts,
    calculation: Calculation = Calculation.ENTERED_POINTS,
    windows: tuple[Window, ...] = (Window(),),
) -> Tally | CapturedException:
    """Return the validated answer to a query, whose only window has some counts."""
    definition = Definition(survey_id="t", question_id="value", calculation=calculation)
    query = MetricQuery(id="q", definition=definition, windows=windows)
    tally = Tally.model_construct(
        windows=(WindowTally.model_construct(window="current", total=counts, groups=()),),
        as_of=NOW,
    )
    found = answer(("q", tally), {"q": query}, Redactor(()))
    assert isinstance(found, TallyAnswer)
    return found.result


def test_an_entered_value_and_none_are_accepted() -> None:
    """A window has an entered value, or none."""
    for counts in (GOOD, Counts.of_entered(None)):
        assert isinstance(answered(counts), Tally)


@pytest.mark.parametrize(
    ("counts", "calculation", "words"),
    [
        (GOOD, Calculation.AVERAGE, "with an entered value, but it asks for average"),
        (
            Counts(responses=5, answered=5),
            Calculation.ENTERED_POINTS,
            "with responses instead of an entered value",
        ),
        (
            Counts.model_construct(
                responses=0, answered=0, entered=VALUE.model_copy(update={"value": float("nan")})
            ),
            Calculation.ENTERED_POINTS,
            "finite number",
        ),
        (
            Counts.model_construct(
                responses=0, answered=0, entered=VALUE.model_copy(update={"n": -1})
            ),
            Calculation.ENTERED_POINTS,
            "greater than 0",
        ),
        (GOOD.model_copy(update={"responses": 9}), Calculation.ENTERED_POINTS, "but its n"),
    ],
)
def test_an_invalid_answer_is_the_fault_of_the_source(
    counts: Counts, calculation: Calculation, words: str
) -> None:
    """The error names what is wrong."""
    found = answered(counts, calculation)
    assert isinstance(found, CapturedException)
    assert words in f"{found}"


def test_a_missing_window_is_the_fault_of_the_source() -> None:
    """A Comparison needs both windows."""
    found = answered(GOOD, windows=(Window(), Window(name="previous")))
    assert isinstance(found, CapturedException)
    assert "instead of current, previous" in f"{found}"
