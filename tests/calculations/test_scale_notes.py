"""Notes on scales with values that may be codes for no opinion."""

from __future__ import annotations

import pytest

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.scale_notes import scale_note
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.survey import Choice
from tests.calculations.factories import AS_OF, counts, query, scale, tally_of

MINUS = "\N{MINUS SIGN}"


def valued(*values: float) -> tuple[Choice, ...]:
    """Return choices with these values."""
    return tuple(Choice(key=f"{n:g}", label=f"Answer {n:g}", value=n) for n in values)


def code(value: float, label: str = "Don't know", *, analyze: bool = True) -> Choice:
    """Return an answer that means no opinion."""
    return Choice(key=f"{value:g}", label=label, value=value, analyze=analyze)


@pytest.mark.parametrize(
    ("choices", "note"),
    [
        (scale(1, 5, code(99)), "“Don't know” (99) is apart from 1 to 5 and counts"),
        (scale(1, 5, code(-1)), f"“Don't know” ({MINUS}1) is apart from 1 to 5 and counts"),
        (scale(0, 10, code(-99)), f"“Don't know” ({MINUS}99) is apart from 0 to 10"),
        (scale(1, 5, code(7)), "“Don't know” (7) is apart from 1 to 5"),
        (valued(1, 2, 99), "“Answer 99” (99) is apart from 1 to 2"),
        (valued(0, 25, 50, 75, 100, 999), "“Answer 999” (999) is apart from 0 to 100"),
        (
            scale(1, 7, code(98, "Refused"), code(99)),
            "“Refused” (98) and “Don't know” (99) are apart from 1 to 7 and count",
        ),
        (scale(1, 5, code(99_999_999)), "“Don't know” (99999999) is apart"),
        (scale(1, 5, code(12.3456789)), "“Don't know” (12.3456789) is apart"),
        (scale(1, 5, code(-1), code(88, "None")), "“Don't know”"),
        (scale(1, 5, *(code(n, "X") for n in (77, 87, 88, 98, 99))), "“X” (88) and 2 more are"),
    ],
)
def test_a_gap_is_noted_with_the_answers_behind_it(choices: tuple[Choice, ...], note: str) -> None:
    """The note names them with their labels and values."""
    found = scale_note(choices)
    assert note in found
    assert found.startswith("The scale has a gap: ")


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        (scale(0, 10, code(-1)), f"“Don't know” ({MINUS}1) counts with this value."),
        (valued(-1, 0), f"“Answer -1” ({MINUS}1) counts with this value."),
        (valued(-2, -1, 0, 1), f"({MINUS}2) and “Answer -1” ({MINUS}1) count with these values."),
    ],
)
def test_a_negative_end_is_noted(choices: tuple[Choice, ...], named: str) -> None:
    """A code can follow the scale without a gap."""
    assert scale_note(choices).startswith("The scale has a negative end: ")
    assert named in scale_note(choices)


@pytest.mark.parametrize(
    "choices",
    [
        (),
        valued(1),
        valued(1, 99),
        scale(1, 5),
        scale(0, 10),
        valued(0, 25, 50, 75, 100),
        valued(0.1, 0.2, 0.3, 0.4),
        valued(-2, -1, 0, 1, 2),
        valued(-3, -2, -1, 1, 2, 3),
        valued(18, 25, 35, 45, 55),
        scale(1, 5, code(99, analyze=False)),
        (*scale(1, 5), Choice(key="x", label="Other")),
        (*scale(1, 5), Choice(key="again", label="Also 5", value=5)),
    ],
)
def test_other_scales_have_no_note(choices: tuple[Choice, ...]) -> None:
    """Equal steps, symmetric scales, excluded answers and names without values have none."""
    assert scale_note(choices) == ""


@pytest.mark.parametrize("calculation", sorted(set(Calculation) - {Calculation.NPS}))
def test_only_calculations_that_use_the_scale_have_the_note(calculation: Calculation) -> None:
    """The number stays, and a share or a count does not depend on the scale."""
    choices = scale(1, 5, code(99))
    answers = ("5",) if calculation is Calculation.SHARE else ()
    top = ("5",) if calculation is Calculation.NET_SCORE else ()
    tally = tally_of(counts({"4": 1, "5": 1, "99": 2}), choices=choices)
    result = calculate(query(calculation, answers=answers, top_answers=top), tally, AS_OF)
    uses = {
        Calculation.AVERAGE: 51.75,
        Calculation.MEDIAN: 52.0,
        Calculation.SUM: 207,
        Calculation.MINIMUM: 4,
        Calculation.MAXIMUM: 99,
        Calculation.TOP_BOX: 50,
        Calculation.TOP_2_BOX: 75,
        Calculation.BOTTOM_2_BOX: 0,
        Calculation.CSAT: 75,
        Calculation.CES_PERCENT: 75,
        Calculation.CES_AVERAGE: 51.75,
    }
    assert bool(result.notes) == (calculation in uses)
    if calculation in uses:
        assert result.current.value == pytest.approx(uses[calculation])
