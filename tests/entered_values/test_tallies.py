"""Worked examples of entered values: Number, Comparison, Series, small groups, texts and tables."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from smaply_metrics_core import (
    CalculationRefused,
    Counts,
    Definition,
    EnteredValue,
    GroupBy,
    MetricsError,
    QueryInvalid,
    QuestionUnavailable,
    Result,
    Tally,
    UncertaintyReason,
    Verdict,
)
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.charts import (
    answer_count_text,
    data_table,
    entered_text,
    headline,
    low_sample_text,
    summary,
    vega_lite,
)
from smaply_metrics_core.date_ranges import make_query
from smaply_metrics_core.entered_values.tables import EnteredRow, EnteredTable, EnteredUnit
from smaply_metrics_core.entered_values.tallies import answer, questionnaire_of
from smaply_metrics_core.host import Display, result_json
from smaply_metrics_core.models.query import DateRange, Filter

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BY_MONTH, BY_LABEL = GroupBy(kind="period", of="month"), GroupBy(kind="field", of="label")
OCTOBER = DateRange(preset="custom", start=date(2026, 10, 1), end=date(2026, 11, 1))


def row(
    day: str, value: float, label: str = "", n: int | None = None, by: str = "Ana Silva"
) -> EnteredRow:
    """Return an entered value."""
    return EnteredRow(
        day=date.fromisoformat(day), label=label, value=value, n=n, entered_by=by, entered_at=NOW
    )


def table(*rows: EnteredRow, unit: EnteredUnit = EnteredUnit.POINTS) -> EnteredTable:
    """Return a table."""
    return EnteredTable(id="t", name="Calls", unit=unit, rows=rows)


WHOLE = table(row("2026-08-31", 30, n=120), row("2026-09-30", 36), row("2026-10-31", 43, n=25))
LABELLED = table(
    row("2026-10-31", 50, "Wien", 12), row("2026-10-31", 40, "Graz"), row("2026-09-30", 20, "Graz")
)


def ask(kept: EnteredTable, zone: str = "Europe/Vienna", **parts: object) -> Tally | MetricsError:
    """Return what the source answers to a valid definition."""
    query = make_query("q", definition(kept, **parts), now=NOW, zone=zone)
    return answer(kept, query, NOW)


def definition(kept: EnteredTable, **parts: object) -> Definition:
    """Return a valid definition."""
    fixed = {"survey_id": "t", "question_id": "value", "calculation": kept.unit.calculation}
    made = Definition.model_validate(fixed | parts)
    check_definition(made, questionnaire_of(kept))
    return made


def result(kept: EnteredTable, **parts: object) -> Result:
    """Return the result of a definition."""
    query = make_query("q", definition(kept, **parts), now=NOW, zone="Europe/Vienna")
    tally = answer(kept, query, NOW)
    assert isinstance(tally, Tally)
    return calculate(query, tally, NOW)


def test_a_number_is_the_newest_value() -> None:
    """It has its n, no interval, and who entered it; few answers are a low sample."""
    found = result(WHOLE)
    assert (found.current.value, found.current.answered) == (43, 25)
    assert found.current.interval is None
    assert found.current.interval_reason is UncertaintyReason.ENTERED
    assert found.current.low_sample
    assert answer_count_text(found) == "n = 25"
    assert entered_text(found, "UTC") == "Entered by Ana Silva on 30 Nov 2026, for 31 Oct 2026"
    anonymous = entered_text(found, "UTC", names=False)
    assert anonymous == "Entered on 30 Nov 2026, for 31 Oct 2026"
    assert summary(found, Display()) == ("Entered points: 43; 25 answers; fewer than 30 answers.")


def test_a_value_without_n_says_so() -> None:
    """An unknown n is neither 0 nor a low sample, in texts, tables and JSON."""
    kept = table(row("2026-10-31", 57.4), unit=EnteredUnit.PERCENT)
    found = result(kept)
    assert (found.current.value, found.current.low_sample) == (57.4, False)
    assert low_sample_text(found) == ""
    assert answer_count_text(found) == "n unknown"
    assert data_table(found, Display()).rows[0][:3] == ("all time", "57%", "unknown")
    assert "0 answers" not in summary(found, Display())
    flat = result_json(found)
    assert (flat["value"], flat["answered"], flat["responses"]) == (57.4, None, None)
    assert flat["entered"]["entered_by"] == "Ana Silva"


def test_a_target_is_reached_but_not_judged() -> None:
    """The card says whether a target is reached, without a colour."""
    top = headline(result(WHOLE), Display(target=40))
    assert (top.target, top.tone.value, top.target_met) == ("Target 40: reached", "neutral", True)


def test_a_comparison_is_not_judged() -> None:
    """The newest values of both windows are compared, in points, without a verdict."""
    found = result(WHOLE, type="comparison", range=OCTOBER)
    assert found.previous is not None
    assert found.change is not None
    assert (found.current.value, found.previous.value) == (43, 36)
    assert (found.change.difference, found.change.verdict) == (7, Verdict.NOT_JUDGED)
    assert found.change.verdict_reason is UncertaintyReason.ENTERED
    assert (headline(found, Display()).change, headline(found, Display()).verdict) == (
        "+7 points",
        "not judged",
    )
    assert data_table(found, Display()).rows[0][2] == "unknown"


def test_a_series_by_period_has_the_last_value_of_each() -> None:
    """A month without a value is a gap; the headline is the newest value."""
    kept = table(row("2026-08-01", 1), row("2026-08-31", 2), row("2026-10-31", 4, by="Ben Ode"))
    found = result(kept, type="series", group_by=BY_MONTH)
    assert [(one.key, one.value) for one in found.groups] == [
        ("2026-08", 2),
        ("2026-09", None),
        ("2026-10", 4),
    ]
    assert headline(found, Display()).label == "newest value, for 31 Oct 2026"
    assert entered_text(found, "UTC") == "Entered by Ben Ode and 1 other on 30 Nov 2026"
    assert "n unknown" in str(vega_lite(found, Display()))


def test_a_series_by_label_has_the_newest_value_of_each() -> None:
    """Labels have the order of their first value; there is no overall value."""
    found = result(LABELLED, type="series", group_by=BY_LABEL)
    assert [(one.label, one.value) for one in found.groups] == [("Graz", 40), ("Wien", 50)]
    assert found.current.value is None
    assert headline(found, Display()).text == ""
    compared = result(
        LABELLED, type="series", group_by=BY_LABEL, compare_groups=True, range=OCTOBER
    )
    (graz, wien) = compared.groups
    assert graz.change is not None
    assert wien.change is not None
    assert (graz.change.difference, wien.change.difference) == (20, None)


def test_labels_need_a_choice() -> None:
    """A Number of several labels is refused with a remedy; a filter chooses one."""
    refused = ask(LABELLED)
    assert isinstance(refused, CalculationRefused)
    assert "Add a filter for one label" in refused.remedy
    graz = Filter(kind="field", of="label", values=("Graz",))
    assert result(LABELLED, filters=(graz,)).current.value == 40


def test_days_begin_in_the_zone_and_the_future_is_ignored() -> None:
    """A value is for a day of the account; one for a later day is not shown yet."""
    kept = table(row("2026-10-31", 1), row("2026-11-01", 2), row("2026-12-01", 3))
    for zone in ("Pacific/Pago_Pago", "Pacific/Kiritimati"):
        tally = ask(kept, zone, range=OCTOBER)
        assert isinstance(tally, Tally)
        entered = tally.window("current").total.entered
        assert entered is not None
        assert entered.value == 1
    assert result(kept).current.value == 2


def test_dates_without_a_value_say_so() -> None:
    """An empty window has a reason."""
    found = result(table(row("2026-01-31", 1)), range=OCTOBER)
    assert (found.current.value, found.current.reason) == (
        None,
        "No value was entered for these dates.",
    )


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"question_id": None, "calculation": "responses"}, CalculationRefused),
        ({"calculation": "average"}, CalculationRefused),
        ({"calculation": "entered_percent"}, CalculationRefused),
        ({"type": "series", "group_by": BY_MONTH, "rolling": 3}, QueryInvalid),
        ({"group_by": BY_LABEL, "type": "series"}, QuestionUnavailable),
    ],
)
def test_other_definitions_are_refused(parts: dict[str, Any], error: type[MetricsError]) -> None:
    """Nothing can be counted, averaged or pooled, and only labels that exist are groups."""
    given = {"question_id": "value", "calculation": "entered_points", **parts}
    with pytest.raises(error):
        check_definition(Definition(survey_id="t", **given), questionnaire_of(WHOLE))


def test_small_groups_are_hidden_if_their_n_is_known() -> None:
    """Each value with a known n below the minimum is hidden; others are shown, as is the rest."""
    asked = definition(WHOLE)
    hidden = hide_small_groups(result(WHOLE), asked, 30)
    assert (hidden.current.value, hidden.current.hidden, hidden.current.entered) == (
        None,
        True,
        None,
    )
    by_label: dict[str, Any] = {"type": "series", "group_by": BY_LABEL}
    groups = hide_small_groups(
        result(LABELLED, **by_label), definition(LABELLED, **by_label), 20
    ).groups
    assert {one.label: one.value for one in groups} == {"Graz": 40, "Wien": None}
    graz: dict[str, Any] = {"filters": (Filter(kind="field", of="label", values=("Graz",)),)}
    shown = hide_small_groups(result(LABELLED, **graz), definition(LABELLED, **graz), 20)
    assert shown.current.value == 40


@pytest.mark.parametrize(
    "wrong",
    [{"value": math.nan}, {"n": -1}, {"n": 0}, {"entered_at": datetime(2026, 1, 1)}],  # noqa: DTZ001  # The fault.
)
def test_an_invalid_entered_value_is_refused(wrong: dict[str, Any]) -> None:
    """A value is finite, n at least 1, and times have a zone."""
    good = {"value": 1, "day": date(2026, 1, 1), "entered_by": "Ana", "entered_at": NOW}
    EnteredValue.model_validate(good)
    with pytest.raises(ValidationError):
        EnteredValue.model_validate(good | wrong)


def test_an_entered_value_has_nothing_but_its_n() -> None:
    """Counts of an entered value have its n, and no answers."""
    entered = EnteredValue(value=1, day=date(2026, 1, 1), n=3, entered_by="Ana", entered_at=NOW)
    assert Counts.of_entered(entered).answered == 3
    for wrong in ({"responses": 2, "answered": 2}, {"responses": 3, "answered": 3, "chosen": 1}):
        with pytest.raises(ValidationError, match="nothing but its n"):
            Counts.model_validate({"entered": entered, **wrong})


@pytest.mark.parametrize("table_id", ["", "a/b", "../t", "t?x=1", "t\n", "ä", "x" * 41])
def test_an_id_is_a_part_of_an_address(table_id: str) -> None:
    """It has letters, digits, hyphens and underscores only."""
    with pytest.raises(ValidationError, match="1 to 40 letters"):
        EnteredTable(id=table_id, name="Calls", unit=EnteredUnit.POINTS)
