"""Terminal output of cards and results: values, answers, dates, freshness and problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.response_text import (
    count_text,
    describe_answers,
    describe_responses,
    describe_weights,
)
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts.change_text import change_text
from smaply_metrics_core.charts.date_text import date_range_text, instant_text
from smaply_metrics_core.charts.entered_values_text import entered_text
from smaply_metrics_core.charts.group_tables import group_verdict
from smaply_metrics_core.charts.remarks import (
    CUT,
    RUNNING,
    few_text,
    hidden_text,
    ungrouped_text,
    unreadable_text,
)
from smaply_metrics_core.charts.uncertainty_text import (
    certainty,
    interval_text,
    value_with_interval,
    verdict_text,
)
from smaply_metrics_core.cli.output import print_problem, print_text, show, table, text
from smaply_metrics_core.models.metric import Card, Freshness
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import GroupValue, Result, WindowResult

COLORS = {
    Freshness.FRESH: "green",
    Freshness.REFRESHING: "cyan",
    Freshness.STALE: "yellow",
    Freshness.FAILED: "red",
    Freshness.NEVER: "yellow",
    Freshness.NOT_CONNECTED: "red",
    Freshness.NOT_CHOSEN: "yellow",
}


def show_cards(cards: Sequence[Card], labels: Mapping[str, str], zone: str) -> None:
    """Print cards as a table, followed by their problems.

    Args:
        cards: The cards, in display order.
        labels: The texts of their connections by id.
        zone: The account's time zone, in which dates are shown.
    """
    made = table("Metric", "Value", "n", "Freshness", right=("Value", "n"), whole=("Freshness",))
    few: set[str] = set()
    for card in cards:
        result = card.result
        freshness = text(card.freshness.replace("_", " "), COLORS[card.freshness])
        if card.as_of is not None:
            freshness.append(f"\n{instant_text(card.as_of, zone)}", "dim")
        dates = [] if result is None else [date_range_text(result.current.window, zone)]
        name = text(card.name, "bold")
        name.append("\n").append_text(
            text(" · ".join([labels.get(card.connection_id, card.source), *dates]), "dim")
        )
        if result is None:
            made.add_row(name, "—", "", freshness)
            continue
        few |= _few(result)
        made.add_row(name, _headline(result), _count(result.current), freshness)
        for row in _group_rows(result):
            made.add_row(*row, "")
        ambiguous = CALCULATIONS[result.calculation].ambiguous
        notes = [result.formula if ambiguous else "", ungrouped_text(result), hidden_text(result)]
        for note in filter(None, notes):
            made.add_row(text(f"  {note}", "dim"), "", "", "")
        if result.current.effective_n is not None:
            made.add_row(text(f"  weighted, {describe_weights(result.current)}", "dim"), "", "", "")
        made.add_section()
    show(made)
    _print_few(few)
    _print_problems(cards)


def _print_problems(cards: Sequence[Card]) -> None:
    """Print each problem once, below the names of the cards that have it."""
    affected: dict[Problem, list[Card]] = {}
    for card in cards:
        if card.problem is not None:
            affected.setdefault(card.problem, []).append(card)
    for problem, having in affected.items():
        print_text()
        print_text(text(", ".join(card.name for card in having), "bold"))
        fresh = all(card.freshness is Freshness.FRESH for card in having)
        print_problem(problem, style="yellow" if fresh else "red")


def show_result(result: Result, zone: str) -> None:
    """Print a result: its value, its groups and the responses that it was calculated from."""
    current = result.current
    print_text(text("Value      ", "bold"), _headline(result, before_change="  "))
    for remark in filter(None, [current.reason, unreadable_text(result), *certainty(result)]):
        print_text("           ", remark)
    low = f" · {few_text(current)}" if current.low_sample else ""
    print_text(text("Answers    ", "bold"), describe_answers(current), low)
    if weights := describe_weights(current):
        print_text(text("Weighted   ", "bold"), weights)
    print_text(text("Responses  ", "bold"), describe_responses(current))
    if entered := entered_text(result, zone):
        print_text(text("Entered    ", "bold"), entered.removeprefix("Entered "))
    print_text(text("Dates      ", "bold"), date_range_text(current.window, zone))
    if result.previous is not None:
        print_text(text("Previous   ", "bold"), date_range_text(result.previous.window, zone))
    print_text(text("As of      ", "bold"), instant_text(result.as_of, zone))
    details = {
        "Formula": result.formula,
        "Scale": result.scale,
        "Counted": ", ".join(result.counted),
    }
    for title, detail in details.items():
        if detail:
            print_text(text(f"{title:<11}", "bold"), detail)
    if result.groups:
        print_text()
        made = table("Group", "Value", "n", right=("Value", "n"))
        for label, value, answers in _group_rows(result):
            made.add_row(label, value, answers)
        show(made)
        _print_few(_few(result))
    for note in filter(None, [ungrouped_text(result), hidden_text(result), *result.notes]):
        print_text("· ", note, style="dim")


def _headline(result: Result, *, before_change: str = "\n") -> Text:
    unit, current = result.unit, result.current
    if result.type is not MetricType.COMPARISON or result.previous is None:
        line = text(format_value(unit, current.value), "bold")
        around = interval_text(unit, current.interval)
        return line.append(f" ({around})", "dim") if around else line
    line = text(format_value(unit, result.previous.value), "dim")
    line.append(" → ", "dim")
    line.append(format_value(unit, current.value), "bold")
    if result.change is not None:
        line.append(before_change + (change_text(result.change, unit) or "change unknown"))
        verdict = verdict_text(result.change)
        line.append(f"{before_change}{verdict}" if verdict else "", "dim")
    return line


def _group_rows(result: Result) -> Iterator[tuple[Text, str, str]]:
    for group in result.groups:
        label = text(f"  {group.label}")
        if group.running:
            label.append(f" ({RUNNING})", "dim")
        elif group.edge:
            label.append(f" ({CUT})", "dim")
        yield (
            label,
            ""
            if group.parts
            else value_with_interval(result.unit, group) + _group_change(group, result),
            _count(group),
        )
        for part in group.parts:
            count = count_text(part)
            yield text(f"    {part.label}"), value_with_interval(result.unit, part), f"{count} "


def _group_change(group: GroupValue, result: Result) -> str:
    """Return the change of a group on lines of its own; empty if it is not compared."""
    if group.change is None:
        return ""
    changed = change_text(group.change, result.unit) or "change unknown"
    before = None if group.previous is None else group.previous.value
    lines = (f"from {format_value(result.unit, before)}: {changed}", group_verdict(group.change))
    return "".join(f"\n{line}" for line in lines if line)


def _count(measured: WindowResult | GroupValue) -> str:
    return f"{count_text(measured)}{'*' if measured.low_sample else ' '}"


def _few(result: Result) -> set[str]:
    """Return why values of a result are marked as based on few answers."""
    return {few_text(result.current), *map(few_text, result.groups)} - {""}


def _print_few(remarks: set[str]) -> None:
    if remarks:
        print_text(f"* {' or '.join(sorted(remarks, reverse=True))}", style="dim")
