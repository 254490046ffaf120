"""Batches: the cost of a load does not grow with the metrics, and outcomes are saved together."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.host import AccountSettings, Freshness
from smaply_metrics_core.host.store import Store, metric_states
from tests.host.conftest import AVERAGE, EDITOR, OTHER, RESPONSES, VIEWER, load, sqlite_only, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the executed statements, one per row for bulk statements, and the commits."""
    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, parameters: Any, _ctx: Any, many: bool) -> None:  # noqa: ANN401, FBT001
        seen.extend([statement] * (len(parameters) if many else 1))

    def note_commit(_: Any) -> None:  # noqa: ANN401
        seen.append("COMMIT")

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", note_commit)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        event.remove(Engine, "commit", note_commit)


def test_a_load_runs_the_same_statements_for_one_metric_and_for_many(
    connected: MetricsHost,
) -> None:
    """Two statements load 1 or 10 metrics, by id or all of the account."""
    counts: list[int] = []
    made: list[str] = []
    for total in (1, 10):
        while len(made) < total:
            definition = OTHER if len(made) % 2 else AVERAGE
            made.append(connected.metrics.add(EDITOR, "shop", f"M{len(made)}", definition).id)
        connected.cards.load(VIEWER, wait=60)
        for metric_ids in (None, made):
            with statements() as seen:
                cards = connected.cards.load(VIEWER, metric_ids)
            assert [card.freshness for card in cards] == [Freshness.FRESH] * total
            counts.append(len([one for one in seen if not one.startswith("BEGIN")]))
    assert counts == [2] * 4


def test_any_number_of_metrics_can_be_named(world: World, connected: MetricsHost) -> None:
    """However many ids there are, they are one parameter."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    store = Store(world.where)
    with store.reading() as db:
        wanted = [metric.id, *(f"met_{number}" for number in range(70_000))]
        (state,) = metric_states.read(db, "acme", AccountSettings(), metric_ids=wanted)
    store.close()
    assert state.metric == metric


@sqlite_only
def test_metrics_are_found_by_an_index_on_their_ids(world: World, connected: MetricsHost) -> None:
    """A map costs no more in an account with thousands of other metrics."""
    with statements() as seen, suppress(NotFound):
        connected.cards.load(VIEWER, ["met_1"])
    (read,) = (one for one in seen if "json_each" in one)
    with closing(sqlite3.connect(world.home / "store.db")) as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {read}", [""] * read.count("?")).fetchall()
    assert any(
        "metrics USING INDEX ix_metrics_account (account=? AND id=?)" in one[-1] for one in plan
    )


def test_outcomes_are_saved_in_one_transaction(connected: MetricsHost) -> None:
    """The lease is released, every attempt and value is saved, and then there is one commit."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Responses", RESPONSES)
    with statements() as seen:
        assert values(connected) == [4.0, 4.0]
    returned = next(n for n, one in enumerate(seen) if one.startswith("UPDATE leases"))
    saved = seen[returned : seen.index("COMMIT", returned)]
    for written in ("UPDATE attempts", "INSERT INTO metric_values"):
        count = sum(one.startswith(written) for one in seen)
        assert count == sum(one.startswith(written) for one in saved) > 0


def test_a_metric_deleted_during_its_export_does_not_affect_its_siblings(
    world: World, connected: MetricsHost
) -> None:
    """The others get their values."""
    gone = connected.metrics.add(EDITOR, "shop", "Gone", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Responses", RESPONSES)

    def delete(_: object) -> None:
        world.shop.on_fetch = None
        connected.metrics.delete(EDITOR, gone.id)

    world.shop.on_fetch = delete
    load(connected)
    assert [card.text for card in connected.cards.load(VIEWER)] == ["4"]
    assert len(world.shop.fetches) == 1
