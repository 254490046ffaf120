"""A Series that compares its groups: table, tooltips, summary and details."""

from __future__ import annotations

from typing import Any

import pytest

from smaply_metrics_core.charts import certainty, data_table, headline, summary, vega_lite
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Change, GroupValue, Result
from smaply_metrics_core.models.uncertainty import (
    Interval,
    IntervalMethod,
    UncertaintyReason,
    Verdict,
)
from tests.charts.factories import PLAIN, SUMMER, group, measured, series

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


def judged(difference: float, low: float, high: float, verdict: Verdict, p_value: float) -> Change:
    """Return the change of a group among several."""
    interval = Interval(low=low, high=high, level=95, method=IntervalMethod.NEWCOMBE)
    return Change(
        difference=difference,
        interval=interval,
        p_value=p_value / 3,
        adjusted_p_value=p_value,
        verdict=verdict,
        detectable=12.0,
    )


def pair(label: str, now: float | None, before: float | None, change: Change) -> GroupValue:
    """Return a group with its value in both periods."""
    earlier = group(label, before, 0 if before is None else 87)
    return group(label, now, 94, previous=earlier, change=change)


FEW = Change(
    difference=8.0,
    verdict=Verdict.NOT_JUDGED,
    verdict_reason=UncertaintyReason.FEW_ANSWERS,
    verdict_reason_text=UncertaintyReason.FEW_ANSWERS.change_sentence,
)
NEW = Change(
    difference=None,
    reason="One of the two values is missing.",
    verdict=Verdict.NOT_JUDGED,
    verdict_reason=UncertaintyReason.NO_VALUE,
    verdict_reason_text=UncertaintyReason.NO_VALUE.change_sentence,
)
GROUPS = (
    pair("North", 62.0, 40.0, judged(22.0, 8.0, 35.4, Verdict.UP, 0.012)),
    pair("South", 39.0, 46.0, judged(-7.0, -20.1, 6.3, Verdict.NO_CLEAR_CHANGE, 0.54)),
    pair("East", 58.0, 50.0, FEW),
    pair("West", 51.0, None, NEW),
)


def compared(groups: tuple[GroupValue, ...] = GROUPS, **parts: Any) -> Result:  # noqa: ANN401
    """Return a Series that compares its groups with summer."""
    before = measured(44.0, window=SUMMER)
    return series(groups, previous=before, confidence=95.0, **parts)


def test_the_table_has_both_values_and_the_verdict() -> None:
    """With the interval of the difference, the adjusted p-value and both numbers of answers."""
    table = data_table(compared(), PLAIN)
    assert table.columns == (
        "Group",
        "Share",
        "Previous",
        "Change",
        "Verdict",
        "95 % interval of the difference",
        "Answers (before)",
        "Remarks",
    )
    assert table.rows == (
        (
            "North",
            "62%",
            "40%",
            "+22 points",
            "clearly up (adjusted p = 0.012)",
            "8 to 35",
            "94 (87)",
            "",
        ),
        (
            "South",
            "39%",
            "46%",
            f"{MINUS}7 points",
            "no clear change (adjusted p = 0.54)",
            f"{MINUS}20 to 6",
            "94 (87)",
            "",
        ),
        (
            "East",
            "58%",
            "50%",
            "+8 points",
            "not judged: one of the periods has fewer than 10 answers",
            "",
            "94 (87)",
            "",
        ),
        (
            "West",
            "51%",
            "—",
            "—",
            "not judged: one of the two values is missing",
            "",
            "94 (0)",
            "fewer than 30 answers before",
        ),
    )
    assert f"Compared with 1 Jun {DASH} 25 Aug 2026" in table.note


def test_counts_are_compared_without_a_verdict() -> None:
    """Their changes are facts, so there is no column of verdicts or intervals."""
    census = Change(
        difference=20,
        percent=25.0,
        verdict=Verdict.NOT_JUDGED,
        verdict_reason=UncertaintyReason.CENSUS,
    )
    table = data_table(
        compared((pair("North", 100, 80, census),), calculation=Calculation.RESPONSES), PLAIN
    )
    assert table.columns == ("Group", "Responses", "Previous", "Change", "Answers (before)")
    assert table.rows == (("North", "100", "80", "+25%", "94 (87)"),)


def test_hidden_groups_and_periods() -> None:
    """A hidden group has no value; a hidden previous period has a reason."""
    why = "fewer than 5 answers, or hidden to protect another group"
    hidden = group("Tiny", None, 0, hidden=True, reason=why, low_sample=False)
    earlier = group("North", None, 0, hidden=True, reason="There are few.", low_sample=False)
    north = group("North", 62.0, 94, previous=earlier, change=NEW)
    rows = data_table(compared((north, hidden)), PLAIN).rows
    assert rows[0][-2:] == ("94 (hidden)", "previous value: There are few.")
    assert rows[1] == ("Tiny", "—", "—", "—", "", "hidden", why)


def test_the_summary_counts_clear_changes() -> None:
    """So that a reader without the chart knows where to look."""
    changes = "compared with the earlier period: 1 clearly up, 0 clearly down"
    assert changes in summary(compared(), PLAIN)
    assert "compared with" not in summary(series([group("North", 3.0)]), PLAIN)


def test_the_tooltip_has_the_change() -> None:
    """And its verdict, in words."""
    spec = vega_lite(compared(), PLAIN)
    assert spec is not None
    tips = [row["tip"].splitlines() for row in spec["data"]["values"]]
    assert tips[0] == [
        "North",
        "62%",
        "+22 points, clearly up (adjusted p = 0.012)",
        "n = 94",
    ]
    assert tips[3] == ["West", "51%", "n = 94"]


def test_the_headline_remains_the_overall_value() -> None:
    """The overall change is in the details."""
    change = judged(4.0, -9.0, 17.0, Verdict.NO_CLEAR_CHANGE, 0.6).model_copy(
        update={"adjusted_p_value": None}
    )
    result = compared(change=change)
    assert (headline(result, PLAIN).text, headline(result, PLAIN).change) == ("42%", "")
    overall = next(line for line in certainty(result) if line.startswith("Overall change"))
    assert overall == (
        "Overall change: +4 points, no clear change (p = 0.20), between \N{MINUS SIGN}9 and "
        "+17 points, at 95 % confidence"
    )
    assert "1 clearly up, 0 clearly down, overall +4 points, no clear change" in summary(
        result, PLAIN
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            Change(difference=20, percent=25.0, verdict_reason=UncertaintyReason.CENSUS),
            "Overall change: +25%",
        ),
        (
            Change(difference=None, reason="No previous value: There are no answers."),
            "Overall change: unknown. No previous value: There are no answers",
        ),
    ],
)
def test_an_overall_change_that_is_not_judged(change: Change, line: str) -> None:
    """Changes of counts are facts, and an unknown change has a reason."""
    assert line in certainty(compared(calculation=Calculation.RESPONSES, change=change))
