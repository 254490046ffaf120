"""Conversion between a metric's form and its definition and display."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from starlette.datastructures import FormData, UploadFile

from smaply_metrics_core.host import (
    Calculation,
    ChartType,
    DateRange,
    Definition,
    Display,
    ExclusionReason,
    Filter,
    GroupBy,
    IntervalVisibility,
    Metric,
    MetricType,
)
from smaply_metrics_host.metric_form.form_data import FilterRow, MetricForm, filled, read
from smaply_metrics_host.metric_form.validation import (
    FormInvalid,
    definition_of,
    draft_of,
    validate_form,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FULL = Definition(
    type=MetricType.SERIES,
    survey_id="SV_1",
    question_id="QID1",
    calculation=Calculation.SHARE,
    answers=("9", "10"),
    group_by=GroupBy(kind="field", of="Region"),
    range=DateRange(preset="custom", start=date(2026, 9, 1), end=date(2026, 10, 1)),
    filters=(
        Filter(kind="question", of="QID3", values=("1", "2")),
        Filter(kind="field", of="Segment", values=("Business",), exclude=True),
    ),
    include=frozenset({ExclusionReason.TEST, ExclusionReason.SPAM}),
    reverse_scale=True,
)
SHOWN = Display(
    chart=ChartType.BAR,
    heading="Fans",
    subheading="of us",
    target=42.5,
    prefix="~",
    suffix=" pts",
    reverse_colors=True,
    latest_as_headline=True,
    start_at_zero=True,
    titles_on_right=True,
    intervals=IntervalVisibility.ALWAYS,
)
PLAIN = MetricForm(name="NPS", source="qualtrics", survey="SV_1", calculation="responses")


def metric(definition: Definition = FULL, display: Display = SHOWN) -> Metric:
    """Return a metric."""
    return Metric(
        id="met_1",
        workspace="wor_1",
        name="Promoters",
        source="qualtrics",
        connection_id="con_1",
        definition=definition,
        display=display,
        version=3,
        created_at=NOW,
        updated_at=NOW,
    )


def problems(form: MetricForm, *, to_save: bool = True) -> dict[str, str]:
    """Return the errors of a form by field."""
    with pytest.raises(FormInvalid) as caught:
        validate_form(form, to_save=to_save)
    assert [one.name for one in caught.value.to_problem().fields] == list(caught.value.problems)
    return dict(caught.value.problems)


@pytest.mark.parametrize(
    "definition",
    [
        FULL,
        Definition(survey_id="SV_1", calculation=Calculation.RESPONSES),
        FULL.model_copy(update={"range": DateRange(preset="last_28_days")}),
        FULL.model_copy(update={"range": DateRange(preset="custom", end=date(2026, 10, 1))}),
    ],
)
def test_a_metric_survives_the_round_trip(definition: Definition) -> None:
    """Opening and saving the form of a metric changes nothing."""
    form = filled(metric(definition))

    saved = validate_form(form)

    assert (saved.name, saved.source) == ("Promoters", "con_1")
    assert saved.definition == definition == definition_of(form)
    assert saved.display == SHOWN
    assert (form.metric, form.version, form.workspace) == ("met_1", "3", "wor_1")


def test_texts_are_trimmed_except_suffixes() -> None:
    """A name is trimmed, a suffix is not, and NUL characters are removed."""
    form = read(FormData([("name", "  NPS\0 "), ("suffix", " pts"), ("heading", " a ")]))

    assert (form.name, form.suffix, form.heading) == ("NPS", " pts", "a")


def test_the_last_day_is_included() -> None:
    """The form has the last day of the range; the end of a definition is exclusive."""
    form = replace(PLAIN, range="custom", first="2026-09-01", last="2026-09-30")

    draft, wrong = draft_of(form)

    assert draft.range == DateRange(preset="custom", start=date(2026, 9, 1), end=date(2026, 10, 1))
    assert wrong == {}


@pytest.mark.parametrize(
    ("dates", "field"),
    [
        ({}, "first"),
        ({"first": "1 Sep"}, "first"),
        ({"last": "2026-13-01"}, "last"),
        ({"first": "2026-09-02", "last": "2026-09-01"}, "last"),
        ({"first": "0204-09-02"}, "first"),
        ({"last": "9999-12-31"}, "first"),
        ({"type": "comparison", "first": "2026-09-02"}, "first"),
    ],
)
def test_invalid_dates_are_reported(dates: dict[str, str], field: str) -> None:
    """A missing or invalid date is an error of its field."""
    assert list(problems(replace(PLAIN, range="custom", **dates))) == [field]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"source": ""}, "source"),
        ({"survey": ""}, "survey"),
        ({"calculation": ""}, "calculation"),
        ({"calculation": "magic"}, "calculation"),
        ({"calculation": "share", "question": "QID1"}, "answers"),
        (
            {"calculation": "net_score", "question": "QID1", "top_answers": ("9",)},
            "bottom_answers",
        ),
        (
            {
                "calculation": "net_score",
                "question": "QID1",
                "top_answers": ("9", "1"),
                "bottom_answers": ("1",),
            },
            "bottom_answers",
        ),
        ({"type": "series", "group_by": "period:month", "rolling": "1"}, "rolling"),
        ({"type": "series", "group_by": "period:month", "rolling": "x"}, "rolling"),
        ({"type": "series"}, "group_by"),
        ({"type": "series", "group_by": "moon"}, "group_by"),
        ({"range": "tomorrow"}, "range"),
        ({"filters": (FilterRow("question:QID1"),)}, "filter-0"),
        ({"filters": (FilterRow("moon:full", values=("1",)),)}, "filter-0"),
        ({"target": "many"}, "target"),
        ({"target": "inf"}, "target"),
        ({"heading": "x" * 301}, "heading"),
        ({"suffix": "x" * 21}, "suffix"),
    ],
)
def test_each_invalid_field_is_reported(change: dict[str, str], field: str) -> None:
    """A missing or invalid value is an error of its field only."""
    assert list(problems(replace(PLAIN, **change))) == [field]  # type: ignore[arg-type]


def test_all_invalid_fields_are_reported_together() -> None:
    """Validation does not stop at the first invalid field."""
    form = replace(PLAIN, name="", target="x", range="custom", first="x")

    assert list(problems(form)) == ["name", "first", "target"]


def test_a_preview_needs_no_name() -> None:
    """A name is required only for saving."""
    assert validate_form(replace(PLAIN, name=""), to_save=False).definition.survey_id == "SV_1"


def test_comparisons_net_scores_and_rolling_windows_reach_the_definition() -> None:
    """Each with the type or calculation that uses it; others ignore them."""
    form = replace(
        PLAIN,
        question="QID1",
        range="last_month",
        compare_with="same_period_last_year",
        top_answers=("9", "10"),
        bottom_answers=("0",),
        rolling="3",
    )
    net = validate_form(replace(form, type="comparison", calculation="net_score")).definition
    series = validate_form(replace(form, type="series", group_by="period:month")).definition

    assert net.compare_with == "same_period_last_year"
    assert (net.top_answers, net.bottom_answers, net.rolling) == (("9", "10"), ("0",), None)
    assert (series.compare_with, series.top_answers, series.rolling) == ("previous_period", (), 3)


def test_compared_groups_reach_the_definition() -> None:
    """Only those of a Series that is not by period; custom dates need both days."""
    form = replace(
        PLAIN,
        question="QID1",
        type="series",
        group_by="field:Region",
        range="last_month",
        compare_groups=True,
        compare_with="same_period_last_year",
    )
    regions = validate_form(form).definition
    months = validate_form(replace(form, group_by="period:month")).definition

    assert (regions.compare_groups, regions.compare_with) == (True, "same_period_last_year")
    assert (months.compare_groups, months.compare_with) == (False, "previous_period")
    assert list(problems(replace(form, range="custom", first="2026-01-01"))) == ["first"]


def test_irrelevant_dates_and_answers_are_ignored() -> None:
    """Custom dates and share answers are not part of a metric that does not use them."""
    form = replace(PLAIN, question="QID1", first="2026-09-01", answers=("9",))

    saved = validate_form(form)

    assert saved.definition.range == DateRange()
    assert saved.definition.answers == ()


def test_an_empty_filter_row_is_ignored() -> None:
    """An empty filter row is not a filter."""
    assert validate_form(replace(PLAIN, filters=(FilterRow(),))).definition.filters == ()


def test_filters_are_read_added_and_removed() -> None:
    """Rows have selected answers or typed lines; buttons add and remove rows."""
    sent: list[tuple[str, str | UploadFile]] = [
        ("filter-0-of", "question:QID3"),
        ("filter-0-was", "question:QID3"),
        ("filter-0-mode", "exclude"),
        ("filter-0-value", "1"),
        ("filter-0-value", "2"),
        ("filter-1-of", "field:Region"),
        ("filter-1-was", "field:Region"),
        ("filter-1-typed", "North\r\n\r\n South \r\n"),
    ]
    first = FilterRow("question:QID3", exclude=True, values=("1", "2"))
    second = FilterRow("field:Region", values=("North", "South"))

    assert read(FormData(sent)).filters == (first, second)
    assert read(FormData([*sent, ("add_filter", "1")])).filters == (first, second, FilterRow())
    assert read(FormData([*sent, ("remove_filter", "0")])).filters == (second,)


@pytest.mark.parametrize("number", ["7", "x", "-1", ""])
def test_removing_an_unknown_filter_has_no_effect(number: str) -> None:
    """A button of an outdated page has no effect."""
    sent = FormData([("filter-0-of", "field:Region"), ("remove_filter", number)])

    assert len(read(sent).filters) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"source": "other"}, {"survey": "", "question": "", "filters": ()}),
        ({"survey": "SV_2"}, {"survey": "SV_2", "question": "", "filters": ()}),
        ({"question": "QID2"}, {"survey": "SV_1", "question": "QID2", "answers": ()}),
        ({"filter-0-of": "field:Other"}, {"filters": (FilterRow("field:Other"),)}),
        ({}, {"answers": ("9",), "filters": (FilterRow("field:Region", values=("North",)),)}),
    ],
)
def test_dependent_values_are_reset(changed: dict[str, str], expected: dict[str, object]) -> None:
    """Another survey resets the question, and another question resets the answers."""
    sent = {
        "name": "NPS",
        "source": "qualtrics",
        "source_was": "qualtrics",
        "survey": "SV_1",
        "survey_was": "SV_1",
        "question": "QID1",
        "question_was": "QID1",
        "group_by": "period:month",
        "calculation": "share",
        "answers": "9",
        "filter-0-of": "field:Region",
        "filter-0-was": "field:Region",
        "filter-0-typed": "North",
    }

    form = read(FormData(sent | changed))

    assert {name: getattr(form, name) for name in expected} == expected
    assert (form.name, form.calculation, form.group_by) == ("NPS", "share", "period:month")


def test_another_survey_resets_a_group_by_field() -> None:
    """Another survey resets a group-by field, but not a period."""
    sent = {"survey": "SV_2", "survey_was": "SV_1", "group_by": "field:Region"}

    assert read(FormData(sent)).group_by == ""
    assert read(FormData(sent | {"group_by": "period:month"})).group_by == "period:month"
