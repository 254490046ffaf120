"""The cards of ``demo --once`` in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smaply_metrics_core import charts
from smaply_metrics_core.host import (
    Card,
    Display,
    GroupValue,
    WindowResult,
    count_text,
    format_value,
)
from smaply_metrics_host.terminal_text import printable


def print_cards(cards: Sequence[Card], zone: str) -> None:
    """Print cards as a table, then the problems of those that have one.

    Args:
        cards: The cards, in the order to print.
        zone: The account's time zone, in which dates are shown.
    """
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    table.add_column("Metric", overflow="fold")
    table.add_column("Value", justify="right")
    table.add_column("n", justify="right")
    table.add_column("Freshness", no_wrap=True)
    for card in cards:
        for row in _rows(card, zone):
            table.add_row(*(Text(printable(cell)) for cell in row))
        table.add_section()
    console = Console(highlight=False, emoji=False)
    console.print(table)
    if any(card.result is not None and charts.low_sample_text(card.result) for card in cards):
        console.print(Text("* low sample"))
    for card in cards:
        if card.problem is not None:
            problem = card.problem
            shown = f"\n{card.name}\n✗ {problem.message}\n→ {problem.remedy}"
            console.print(Text(printable(shown)))


def _rows(card: Card, zone: str) -> Iterator[tuple[str, str, str, str]]:
    freshness = card.freshness.replace("_", " ")
    if card.as_of is not None:
        freshness += f"\n{charts.instant_text(card.as_of, zone)}"
    result = card.result
    if result is None:
        yield f"{card.name}\n{card.source}", "—", "", freshness
        return
    top = charts.headline(result, Display(), zone=zone)
    value = format_value(result.unit, result.current.value)
    if result.previous is not None:
        before = format_value(result.unit, result.previous.value)
        value = "\n".join(filter(None, (f"{before} → {value}", top.change, top.verdict)))
    dates = charts.date_range_text(result.current.window, zone)
    yield f"{card.name}\n{card.source} · {dates}", value, _count(result.current), freshness
    for group in result.groups:
        label = f"  {group.label}{' (still running)' if group.running else ''}"
        yield label, format_value(result.unit, group.value), _count(group), ""
    for note in filter(None, [charts.ungrouped_text(result), charts.hidden_text(result)]):
        yield f"  {note}", "", "", ""


def _count(value: WindowResult | GroupValue) -> str:
    return f"{count_text(value)}{'*' if value.low_sample else ' '}"
