"""Cards as a table in the terminal: value, answers, dates, freshness, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from smaply_metrics_core.calculations.value import format_value
from smaply_metrics_core.calculations.who import who_answered, who_counts
from smaply_metrics_core.charts.dates import covered, moment
from smaply_metrics_core.charts.wording import CUT, FEW, RUNNING, change_words, in_no_group
from smaply_metrics_core.cli.output import say, say_problem, show, table, text
from smaply_metrics_core.models.metric import Freshness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smaply_metrics_core.models.metric import Card
    from smaply_metrics_core.models.problem import Problem
    from smaply_metrics_core.models.result import GroupValue, Measured, Result

COLORS = {
    Freshness.FRESH: "green",
    Freshness.REFRESHING: "cyan",
    Freshness.STALE: "yellow",
    Freshness.FAILED: "red",
    Freshness.NEVER: "yellow",
    Freshness.NOT_CONNECTED: "red",
}


def show_cards(cards: Sequence[Card], zone: str) -> None:
    """Write cards, then what keeps some of them from being fresh.

    Args:
        cards: The cards, in the order to show.
        zone: The account's time zone, in which dates are said.
    """
    made = table("Metric", "Value", "n", "Freshness", right=("Value", "n"), whole=("Freshness",))
    low = False
    for card in cards:
        result = card.result
        freshness = text(card.freshness.replace("_", " "), COLORS[card.freshness])
        if card.as_of is not None:
            freshness.append(f"\n{moment(card.as_of, zone)}", "dim")
        dates = [] if result is None else [covered(result.current.window, zone)]
        name = text(card.name, "bold")
        name.append_text(text("\n" + " · ".join([card.source, *dates]), "dim"))
        if result is None:
            made.add_row(name, "—", "", freshness)
            continue
        low = low or _any_low(result)
        made.add_row(name, _headline(result), _count(result.current), freshness)
        for row in _group_rows(result):
            made.add_row(*row, "")
        if result.ungrouped:
            made.add_row(text(f"  {in_no_group(result)}", "dim"), "", "", "")
        made.add_section()
    show(made)
    if low:
        say(f"* {FEW}", style="dim")
    _say_problems(cards)


def _say_problems(cards: Sequence[Card]) -> None:
    """Write each problem once, below the names of the cards that have it."""
    troubled: dict[Problem, list[Card]] = {}
    for card in cards:
        if card.problem is not None:
            troubled.setdefault(card.problem, []).append(card)
    for problem, having in troubled.items():
        say()
        say(text(", ".join(card.name for card in having), "bold"))
        fresh = all(card.freshness is Freshness.FRESH for card in having)
        say_problem(problem, style="yellow" if fresh else "red")


def show_result(result: Result, zone: str) -> None:
    """Write one result: its number, its groups, and what it was made of."""
    current = result.current
    say(text("Value      ", "bold"), _headline(result, before_change="  "))
    if current.value is None and current.reason:
        say("           ", current.reason)
    low = f" · {FEW}" if current.low_sample else ""
    say(text("Answers    ", "bold"), who_answered(current), low)
    say(text("Responses  ", "bold"), who_counts(current))
    say(text("Dates      ", "bold"), covered(current.window, zone))
    if result.previous is not None:
        say(text("Before     ", "bold"), covered(result.previous.window, zone))
    say(text("As of      ", "bold"), moment(result.as_of, zone))
    if result.scale:
        say(text("Scale      ", "bold"), result.scale)
    if result.counted:
        say(text("Counted    ", "bold"), ", ".join(result.counted))
    if result.groups:
        say()
        made = table("Group", "Value", "n", right=("Value", "n"))
        for label, value, answers in _group_rows(result):
            made.add_row(label, value, answers)
        show(made)
        if _any_low(result):
            say(f"* {FEW}", style="dim")
    if result.ungrouped:
        say("· ", in_no_group(result), style="dim")
    for note in result.notes:
        say("· ", note, style="dim")


def _headline(result: Result, *, before_change: str = "\n") -> Text:
    unit, current = result.unit, result.current
    if result.previous is None:
        return text(format_value(unit, current.value), "bold")
    line = text(format_value(unit, result.previous.value), "dim")
    line.append(" → ", "dim")
    line.append(format_value(unit, current.value), "bold")
    if result.change is not None:
        line.append(before_change + (change_words(result.change, unit) or "no change known"))
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
            format_value(result.unit, group.value),
            _count(group),
        )


def _count(measured: Measured | GroupValue) -> str:
    return f"{measured.answered:,}{'*' if measured.low_sample else ' '}"


def _any_low(result: Result) -> bool:
    return result.current.low_sample or any(group.low_sample for group in result.groups)
