"""Properties of charts, tables and texts for arbitrary results and displays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts import (
    THEMES,
    answer_count_text,
    data_table,
    default_chart,
    headline,
    low_sample_text,
    render_svg,
    summary,
    vega_lite,
)
from smaply_metrics_core.charts.series_groups import has_overall_value
from smaply_metrics_core.models.metric import ChartType, Display, IntervalVisibility
from smaply_metrics_core.models.query import Calculation, MetricType, Period
from smaply_metrics_core.models.result import Change, GroupValue, Result
from tests.charts.factories import around, comparison, number, periods, series
from tests.hypothesis_profiles import examples

OF_TYPE = {
    MetricType.NUMBER: {ChartType.NUMBER, ChartType.GAUGE},
    MetricType.SERIES: {
        *(ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE, ChartType.LINE, ChartType.TABLE)
    },
    MetricType.COMPARISON: {ChartType.COMPARISON, ChartType.BAR_COMPARISON},
}

numbers = st.one_of(
    st.none(),
    st.integers(-200, 200).map(float),
    st.floats(-100, 100),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.text(max_size=40)
counts = st.integers(0, 3000)
calculations = st.sampled_from(Calculation)
ends = st.lists(
    st.floats(-100, 100) | st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2
).map(sorted)
intervals = st.none() | ends.map(lambda pair: around(*pair))
groups = st.builds(
    GroupValue,
    key=texts,
    label=texts,
    value=numbers,
    responses=counts,
    answered=counts,
    low_sample=st.booleans(),
    interval=intervals,
)
displays = st.builds(
    Display,
    chart=st.one_of(st.none(), st.sampled_from(ChartType)),
    heading=texts,
    target=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    prefix=st.text(max_size=5),
    suffix=st.text(max_size=5),
    reverse_colors=st.booleans(),
    latest_as_headline=st.booleans(),
    start_at_zero=st.booleans(),
    titles_on_right=st.booleans(),
    intervals=st.sampled_from(IntervalVisibility),
)


@st.composite
def of_groups(draw: st.DrawFn) -> Result:
    """Return a Series with arbitrary groups."""
    return series(
        draw(st.lists(groups, max_size=30)),
        draw(calculations),
        value=draw(numbers),
        ungrouped=draw(counts),
    )


@st.composite
def of_periods(draw: st.DrawFn) -> Result:
    """Return a Series of calendar periods, the last of which may be partly counted."""
    made = periods(
        draw(st.sampled_from([Period.DAY, Period.WEEK])),
        "2026-01-05",
        draw(st.lists(numbers, min_size=1, max_size=60)),
        running=draw(st.booleans()),
        edge=draw(st.booleans()),
        answered=draw(counts),
        interval=draw(intervals),
    )
    return series(made, draw(calculations), value=draw(numbers))


@st.composite
def of_comparisons(draw: st.DrawFn) -> Result:
    """Return a Comparison with an arbitrary change."""
    now, before, percent = draw(numbers), draw(numbers), draw(numbers)
    known = now is not None and before is not None
    change = Change(
        difference=draw(st.floats(-1e300, 1e300)) if known else None,
        percent=percent if known else None,
        reason=draw(texts),
    )
    return comparison(now, before, draw(calculations), change=change)


results = st.one_of(
    st.builds(
        number,
        numbers,
        calculations,
        answered=counts,
        scale=st.one_of(texts, st.just("1 = Bad … 5 = Good")),
    ),
    of_groups(),
    of_periods(),
    of_comparisons(),
)


@given(result=results, shown=displays, theme=st.sampled_from(list(THEMES)))
def test_every_result_has_texts_and_a_chart(
    result: Result,
    shown: Display,
    theme: Any,  # noqa: ANN401  # A name of a theme.
) -> None:
    """A specification is JSON without NaN, and its chart type fits the type of the result."""
    made = vega_lite(result, shown, theme=theme)

    if made is not None:
        json.dumps(made, allow_nan=False).encode()
    assert default_chart(result, shown) in OF_TYPE[result.type]
    assert summary(result, shown).endswith(".")
    assert answer_count_text(result).startswith(("n = ", "of "))
    assert (low_sample_text(result) == "") <= (not result.current.low_sample)
    large = headline(result, shown)
    assert large.text or not has_overall_value(result)


@pytest.mark.parametrize("value", [1.64e308, 1.79e308, -1.79e308])
def test_values_near_the_largest_float_have_finite_axes(value: float) -> None:
    """The room above a value, and a round number above it, are not infinite."""
    of_days = series(periods(Period.DAY, "2026-01-05", [value]), Calculation.AVERAGE, value=value)
    for result, shown in (
        (of_days, Display()),
        (number(value, Calculation.SUM), Display(chart=ChartType.GAUGE, target=1e308)),
        (number(1.0, Calculation.SUM), Display(chart=ChartType.GAUGE, target=abs(value))),
    ):
        json.dumps(vega_lite(result, shown, theme="light"), allow_nan=False)


@given(result=st.one_of(of_groups(), of_periods()), shown=displays)
def test_the_table_has_every_group(result: Result, shown: Display) -> None:
    """Each group has a row with its label, formatted value and answers."""
    table = data_table(result, shown)

    assert len(table.rows) == len(result.groups)
    assert {len(row) for row in table.rows} <= {len(table.columns)}
    for group, row in zip(result.groups, table.rows, strict=True):
        assert row[0] == group.label
        assert format_value(result.unit, group.value) in row[1]
        assert row[2] == f"{group.answered:,}"


# Without shrinking, which would draw for minutes.
@settings(examples(sample=3, thorough=25), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(result=results, shown=displays)
def test_every_specification_can_be_drawn(result: Result, shown: Display) -> None:
    """Vega-Lite draws each specification, whatever its labels and values are."""
    made = vega_lite(result, shown)

    if made is not None:
        assert render_svg(made, 260, 140).startswith("<svg")
