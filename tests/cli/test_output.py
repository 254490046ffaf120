"""Values, dates and cards as text and JSON."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from smaply_metrics_core.cli.card_table import show_cards, show_result
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.output import first_line, print_json, print_text
from smaply_metrics_core.cli.param_types import instant
from smaply_metrics_core.host import card_json, result_json
from smaply_metrics_core.models.metric import Card, Display, Freshness
from smaply_metrics_core.models.problem import Blame, Issue, Problem
from smaply_metrics_core.models.query import Calculation, MetricType, Window
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult

AS_OF = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)


def measured(value: float | None, name: Any = "current", **other: Any) -> WindowResult:  # noqa: ANN401
    """Return the result of one window with 100 answers."""
    given: dict[str, Any] = {
        "window": Window(name=name),
        "value": value,
        "responses": 120,
        "answered": 100,
        "unanswered": {"not_answered": 20},
        "excluded": {"unfinished": 2, "spam": 3},
        "recorded": 125,
        "low_sample": False,
    }
    return WindowResult.model_validate(given | other)


def result(kind: MetricType, current: WindowResult, **other: Any) -> Result:  # noqa: ANN401
    """Return a result in percent."""
    given: dict[str, Any] = {"type": kind, "calculation": Calculation.SHARE, "unit": Unit.PERCENT}
    return Result.model_validate(given | {"current": current, "as_of": AS_OF} | other)


def card(kind: str, found: Result | None, **other: Any) -> Card:  # noqa: ANN401
    """Return a card."""
    given: dict[str, Any] = {
        "metric_id": "met_1",
        "name": "Share",
        "source": "s",
        "type": kind,
        "display": Display(),
        "result": found,
        "as_of": found and found.as_of,
        "freshness": Freshness.FRESH,
        "text": "40%",
    }
    return Card.model_validate(given | other)


def compared(unit: Unit, change: Change) -> Result:
    """Return a Comparison of 40 with 50."""
    before = measured(50.0, "previous")
    return result(MetricType.COMPARISON, measured(40.0), previous=before, change=change, unit=unit)


def test_a_comparison_in_points_and_in_percent() -> None:
    """Percentages change in points, counts in percent of the previous value."""
    points = result_json(compared(Unit.PERCENT, Change(difference=-10.0)))
    percent = result_json(compared(Unit.COUNT, Change(difference=-10.0, percent=-20.0)))

    assert (points["current"], points["previous"], points["change"]) == (40.0, 50.0, -10.0)
    assert points["change_unit"] == "points"
    assert (percent["change"], percent["change_unit"], percent["difference"]) == (
        *(-20.0, "percent", -10),
    )


def test_an_undefined_change_is_null() -> None:
    """A change that cannot be calculated is null and has a reason."""
    found = result_json(compared(Unit.COUNT, Change(difference=40.0, reason="It was 0.")))

    assert found["change"] is None
    assert found["change_reason"] == "It was 0."


def test_reasons_are_sorted() -> None:
    """Exclusion reasons are sorted, so that the output is stable."""
    found = result_json(result(MetricType.NUMBER, measured(40.0)))

    assert list(found["excluded"]) == ["spam", "unfinished"]
    assert found["answered"] + sum(found["unanswered"].values()) == found["responses"]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("number", {"value": None}),
        ("series", {"groups": []}),
        ("comparison", {"current": None, "previous": None, "change": None}),
    ],
)
def test_a_card_without_a_value_has_its_keys(kind: str, keys: dict[str, Any]) -> None:
    """A metric that was never refreshed has the keys of its type, with empty values."""
    found = card_json(card(kind, None, freshness=Freshness.NEVER, text=""))

    assert {key: found[key] for key in keys} == keys
    assert {"value", "groups", "current"} & set(found) == set(keys) & {"value", "groups", "current"}
    assert (found["answered"], found["as_of"], found["freshness"]) == (None, None, "never")


def test_cards_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has name, value, answers, dates and freshness; each problem follows once."""
    group = GroupValue(
        key="a",
        label="[bold]A\x1b[31m",
        value=40.0,
        responses=20,
        answered=10,
        low_sample=True,
        running=True,
    )
    window = Window(
        start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 4, 1, 12, tzinfo=UTC)
    )
    series = result(MetricType.SERIES, measured(40.0, window=window), groups=(group,))
    problem = Problem(
        kind="credential_refused",
        issue=Issue.TOKEN_REVOKED,
        message="The token is not accepted.",
        remedy="Enter a current one.",
        blame=Blame.CREDENTIAL,
        request_id="r-1",
    )

    show_cards(
        [
            card("series", series, freshness=Freshness.FAILED, problem=problem),
            card("number", None, freshness=Freshness.NEVER, name="Nothing yet", problem=problem),
        ],
        {},
        "Europe/Vienna",
    )

    printed = capsys.readouterr().out
    for shown in (
        *("Share", "40%", "100", "1 Jan \N{EN DASH} 1 Apr 2026", "failed", "1 Apr 2026 14:30"),
        *("[bold]A", "(still running)", "10*", "* fewer than 30 answers", "Nothing yet", "never"),
        *("Token revoked:", "The token is not accepted.", "→ Enter a current one.", "r-1"),
    ):
        assert shown in printed
    assert "Share, Nothing yet\n" in printed
    assert printed.count("→ Enter a current one.") == 1
    assert "\x1b" not in printed


def test_a_result_without_a_value_shows_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """A result without a value shows a dash and the reason."""
    nothing = measured(None, reason="There is no answer.", answered=0, low_sample=True)

    show_result(result(MetricType.NUMBER, nothing, counted=("Yes",), notes=("A note.",)), "UTC")

    printed = capsys.readouterr().out
    for shown in ("—", "There is no answer.", "fewer than 30 answers", "Yes", "A note."):
        assert shown in printed


def test_much_that_is_unreadable_is_shown_below_the_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A value of one readable answer states how many were not."""
    one = measured(800.0, answered=1, unanswered={"unreadable": 2})
    show_result(result(MetricType.NUMBER, one), "UTC")
    assert "2 of 3 answers unreadable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ungrouped", "line"), [(0, None), (1, "1 response in no group"), (1234, "1,234 responses in")]
)
def test_ungrouped_responses_are_shown(
    ungrouped: int, line: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result and a card show the number of responses that are in no group."""
    group = GroupValue(key="a", label="A", value=40.0, responses=20, answered=10, low_sample=False)
    series = result(MetricType.SERIES, measured(40.0), groups=(group,), ungrouped=ungrouped)

    show_result(series, "UTC")
    show_cards([card("series", series)], {}, "UTC")

    printed = capsys.readouterr().out
    assert printed.count("in no group") == (0 if line is None else 2)
    assert line is None or printed.count(line) == 2


def test_an_instant_without_a_zone_is_utc() -> None:
    """A time without an offset is read as UTC; a year out of range is rejected."""
    assert instant("--now", "2026-07-01T12:00") == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert instant("--now", None) is None
    with pytest.raises(CommandLineError):
        instant("--now", "0001-01-01T00:00:00+10:00")


def test_json_is_ascii_unless_the_output_is_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON is escaped for an ASCII output and readable on a UTF-8 output."""
    written = {}
    for encoding in ("ascii", "utf-8"):
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
        print_json({"name": "Grüße"})
        written[encoding] = raw.getvalue().decode(encoding)

    assert "Gr\\u00fc\\u00dfe" in written["ascii"]
    assert "Grüße" in written["utf-8"]


def test_texts_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are replaced and markup is printed, not interpreted."""
    print_text("\x1b[2J[red]gone[/red]\x07", indent=2)

    assert capsys.readouterr().out == "  �[2J[red]gone[/red]�\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("a.example.com", "a.example.com"),
        ("survey: a\ntable: b\n", "survey: a … (2 lines)"),
    ],
)
def test_a_value_with_many_lines_is_one_line_of_a_list(value: str, shown: str) -> None:
    """A mapping of a database would fill the table of connections."""
    assert first_line(value) == shown
