"""Values that are saved while a refresh of their metrics is running."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import pytest

from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.entered_values import source
from smaply_metrics_core.entered_values.tables import EnteredTable
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host import EnteredInput, EnteredUnit
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.tally import Tally
from tests.entered_values.conftest import ADA, ANA, VERA, World

OLD = EnteredInput(day=date(2026, 10, 31), value=43)
NEW = EnteredInput(day=date(2026, 11, 30), value=50)


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_value_saved_during_a_refresh_is_shown_at_the_next_load(
    world: World, monkeypatch: pytest.MonkeyPatch, *, cancelled: bool
) -> None:
    """A refresh that read the old value stores nothing, nor the attempt before it."""
    host, other = world.open(), world.open()
    saved = other.entered_values.add(ANA, "Calls", EnteredUnit.POINTS, [OLD])
    world.add_metric(other, saved)
    host.cards.load(VERA, wait=30)
    world.clock.forward(timedelta(minutes=2))
    answers, read, go_on = source._answers, threading.Event(), threading.Event()  # noqa: SLF001

    def held(
        table: EnteredTable, queries: Sequence[MetricQuery], context: SourceContext
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        found = [*answers(table, queries, context)]
        read.set()
        while not go_on.wait(0.005):
            context.deadline.check()
        yield from found

    monkeypatch.setattr(source, "_answers", held)
    host.cards.load(ANA, force=True)
    assert read.wait(180)
    other.entered_values.add_values(ANA, saved.table.id, [NEW])
    other.accounts.erase_user(ADA, "Ana Silva")
    if not cancelled:
        go_on.set()
        host.cards.load(VERA, wait=30)
    host.close()
    monkeypatch.undo()
    assert "Ana" not in repr(other.cards.load(VERA, refresh=False))
    assert [card.text for card in other.cards.load(VERA, wait=30)] == ["50"]
