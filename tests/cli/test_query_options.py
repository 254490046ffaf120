"""Query options: the definition that they describe, and what an edit changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.query_options import RESETTABLE, QueryOptions
from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.query import (
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
    parse_filter,
)

FULL = Definition(
    type=MetricType.SERIES,
    survey_id="S",
    question_id="Q",
    calculation=Calculation.SHARE,
    answers=("1",),
    group_by=GroupBy(kind="answer"),
    range=DateRange(preset="this_year"),
    filters=(Filter(kind="field", of="f", values=("x",)),),
    include=frozenset({ExclusionReason.TEST}),
    reverse_scale=True,
)


@dataclass(frozen=True)
class Size:
    """A dataclass with options."""

    width: Annotated[int, typer.Option("--width")]
    height: Annotated[int, typer.Option("--height")] = 2


@pytest.mark.parametrize(
    ("options", "inferred"),
    [
        (QueryOptions(survey="S", calculation=Calculation.NPS), MetricType.NUMBER),
        (
            QueryOptions(survey="S", calculation=Calculation.NPS, group_by="answer"),
            MetricType.SERIES,
        ),
        (QueryOptions(survey="S", calculation=Calculation.DISTRIBUTION), MetricType.SERIES),
        (
            QueryOptions(
                survey="S",
                calculation=Calculation.NPS,
                compare_with=ComparedPeriod.SAME_PERIOD_LAST_YEAR,
            ),
            MetricType.COMPARISON,
        ),
        (
            QueryOptions(
                survey="S", calculation=Calculation.DISTRIBUTION, type=MetricType.COMPARISON
            ),
            MetricType.COMPARISON,
        ),
    ],
)
def test_the_type_is_inferred_unless_given(options: QueryOptions, inferred: MetricType) -> None:
    """Several values are a series, a single value is a number, and --type takes precedence."""
    assert options.definition().type is inferred


def test_every_option_reaches_the_definition() -> None:
    """Each option sets its part of the definition."""
    options = QueryOptions(
        survey=" S ",
        question="Q",
        calculation=Calculation.SHARE,
        answers='1 , "Yes, often",3',
        group_by="period:week",
        since="2026-01-01",
        where=["question:Q2=a|b"],
        where_not=["field:Region=North=East"],
        count=" unfinished,spam ",
        reverse_scale=True,
    )

    assert options.definition() == Definition(
        type=MetricType.SERIES,
        survey_id="S",
        question_id="Q",
        calculation=Calculation.SHARE,
        answers=("1", "Yes, often", "3"),
        group_by=GroupBy(kind="period", of="week"),
        range=DateRange(preset="custom", start=date(2026, 1, 1)),
        filters=(
            Filter(kind="question", of="Q2", values=("a", "b")),
            Filter(kind="field", of="Region", values=("North=East",), exclude=True),
        ),
        include=frozenset({ExclusionReason.UNFINISHED, ExclusionReason.SPAM}),
        reverse_scale=True,
    )


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("Region=North", Filter(kind="field", of="Region", values=("North",))),
        (
            " Region = North|South East ",
            Filter(kind="field", of="Region", values=("North", "South East")),
        ),
        ("Region=North=East", Filter(kind="field", of="Region", values=("North=East",))),
        ("field:utm:source=a", Filter(kind="field", of="utm:source", values=("a",))),
        ("question:QID4_2=1|2", Filter(kind="question", of="QID4_2", values=("1", "2"))),
        ("question=1", Filter(kind="field", of="question", values=("1",))),
    ],
)
def test_a_filter_is_by_field_unless_it_names_a_question(given: str, read: Filter) -> None:
    """A name without a prefix is an embedded field's."""
    assert parse_filter(given, exclude=False) == read


@pytest.mark.parametrize(
    "given", ["", "Region", "=North", "field:=x", "question:QID1", "quesiton:QID1=1", ":=x"]
)
def test_an_invalid_filter_is_rejected(given: str) -> None:
    """An invalid filter is rejected, and the remedy shows the valid forms."""
    with pytest.raises(QueryInvalid) as refused:
        parse_filter(given, exclude=False)
    assert "FIELD=VALUE" in refused.value.remedy


@pytest.mark.parametrize("given", ["Region=", "question:QID1=|", "Region=a||b"])
def test_a_filter_without_a_value_is_rejected(given: str) -> None:
    """A filter with an empty value is rejected, because it would match nothing."""
    with pytest.raises(QueryInvalid, match="has an empty value"):
        parse_filter(given, exclude=False)


def test_options_with_a_common_prefix_are_distinct() -> None:
    """--where and --where-not are distinct in any order, and abbreviations are rejected."""
    app, read = typer.Typer(), list[QueryOptions]()

    @app.command()
    @option_groups
    def store(query: QueryOptions) -> None:
        """Store the options."""
        read.append(query)

    given = ["--where-not=d=4", "--where", "a=1", "--where=b=2", "--count", "test,spam"]
    done = CliRunner().invoke(app, [*given, "--where", "c=3"])
    assert done.exit_code == 0, done.output
    (query,) = read
    assert (query.where, query.where_not) == (["a=1", "b=2", "c=3"], ["d=4"])
    assert query.count == "test,spam"
    for cut in ("--wher", "--where-n"):
        assert CliRunner().invoke(app, [cut, "a=1"]).exit_code == 2


def test_an_empty_edit_changes_nothing() -> None:
    """Without options a definition is unchanged."""
    assert QueryOptions().changed(FULL, ()) == FULL


@pytest.mark.parametrize("part", RESETTABLE)
def test_each_part_can_be_reset(part: str) -> None:
    """Resetting a part sets its default and keeps the other parts."""
    field = RESETTABLE[part]

    changed = QueryOptions().changed(FULL, [part])

    assert getattr(changed, field) == Definition.model_fields[field].default
    others = set(Definition.model_fields) - {field, "type"}
    assert all(getattr(changed, other) == getattr(FULL, other) for other in others)


def test_an_edit_replaces_kinds_and_keeps_a_comparison() -> None:
    """--count replaces all kinds; a comparison stays a comparison."""
    compared = FULL.model_copy(update={"type": MetricType.COMPARISON, "group_by": None})

    changed = QueryOptions(count="preview", calculation=Calculation.AVERAGE).changed(compared, ())

    assert changed.include == {ExclusionReason.PREVIEW}
    assert changed.type is MetricType.COMPARISON
    assert QueryOptions().changed(FULL, ["group-by"]).type is MetricType.NUMBER


def test_a_number_forgets_what_it_was_compared_with() -> None:
    """An edit to another type needs no reset."""
    compared = QueryOptions(
        survey="S",
        calculation=Calculation.NPS,
        range="last_month",
        compare_with=ComparedPeriod.SAME_PERIOD_LAST_YEAR,
    ).definition()

    edited = QueryOptions(type=MetricType.NUMBER).changed(compared, ())

    assert edited.compare_with is ComparedPeriod.PREVIOUS_PERIOD


def test_a_series_may_have_rolling_windows() -> None:
    """The number of periods is part of the definition, and can be reset."""
    monthly = QueryOptions(
        survey="S", calculation=Calculation.RESPONSES, group_by="period:month", rolling=3
    ).definition()

    assert (monthly.type, monthly.rolling) == (MetricType.SERIES, 3)
    assert QueryOptions().changed(monthly, ["rolling"]).rolling is None


def test_a_net_score_has_keys_on_two_sides() -> None:
    """Lists of keys, as for a share."""
    net = QueryOptions(
        survey="S",
        question="Q",
        calculation=Calculation.NET_SCORE,
        top_answers='5,"4, or so"',
        bottom_answers="1, 2",
    ).definition()

    assert (net.top_answers, net.bottom_answers) == (("5", "4, or so"), ("1", "2"))


@pytest.mark.parametrize(
    ("since", "until"), [("2026-01-02", "2026-01-01"), ("2026-13-01", None), (None, "today")]
)
def test_invalid_dates_are_rejected(since: str | None, until: str | None) -> None:
    """Dates that do not exist or are reversed are wrong usage."""
    options = QueryOptions(survey="S", calculation=Calculation.NPS, since=since, until=until)

    with pytest.raises(CommandLineError):
        options.definition()


def test_a_dataclass_becomes_options() -> None:
    """A dataclass parameter becomes one option per field, in its place."""
    app = typer.Typer()

    @app.command()
    @option_groups
    def area(name: Annotated[str, typer.Argument()], size: Size, unit: str = "m²") -> None:
        """Print an area."""
        typer.echo(f"{name}: {size.width * size.height} {unit}")

    run = CliRunner()
    assert run.invoke(app, ["door", "--width", "3"]).stdout == "door: 6 m²\n"
    assert run.invoke(app, ["a", "--width", "3", "--height", "4"]).stdout == "a: 12 m²\n"
    assert run.invoke(app, ["door"]).exit_code == 2
    assert area.__doc__ == "Print an area."
