"""Intervals at the account's level of confidence, also of values that are already stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import AccountSettings
from smaply_metrics_core.host.store import stored_confidence
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, VIEWER, load
from tests.host.fake_source import stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import Card, MetricsHost, WindowResult
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="intervals are computed after values are read")

STRICT = AccountSettings(confidence=99)


def current(card: Card) -> WindowResult:
    """Return the current value of a card."""
    assert card.result is not None
    return card.result.current


def level(card: Card) -> float | None:
    """Return the level of the interval that a card shows."""
    interval = current(card).interval
    return interval.level if interval else None


def test_another_level_needs_no_refresh(world: World, connected: MetricsHost) -> None:
    """Intervals are calculated from the stored tally; values and dates stay as they are."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (before,) = load(connected)
    assert level(before) == 95
    fetched = list(world.shop.fetches)
    connected.accounts.edit(ADMIN, STRICT)
    (after,) = load(connected)
    assert world.shop.fetches == fetched
    assert level(after) == 99
    assert (current(after).value, after.as_of) == (current(before).value, before.as_of)
    assert load(connected)[0].result is after.result, "it is calculated once"
    connected.accounts.edit(ADMIN, AccountSettings())
    assert load(connected) == (before,)
    (past,) = connected.metrics.history(VIEWER, metric.id)
    assert past.interval == current(before).interval


def test_a_refresh_stores_the_level_of_the_account(world: World, connected: MetricsHost) -> None:
    """From then on the interval is only read."""
    connected.accounts.edit(ADMIN, STRICT)
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert level(load(connected)[0]) == 99
    ((stored,),) = world.query("SELECT CAST(result AS TEXT) FROM metric_values")
    assert json.loads(stored)["confidence"] == 99


def test_results_from_before_intervals_get_them(world: World, connected: MetricsHost) -> None:
    """They are calculated from the tally, which is older, too."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (card,) = load(connected)
    ((stored, tally),) = world.query(
        "SELECT CAST(result AS TEXT), CAST(tally AS TEXT) FROM metric_values"
    )
    result, counted = json.loads(stored), json.loads(tally)
    for name in ("confidence", "period_change"):
        del result[name]
    for name in ("interval", "interval_reason", "interval_reason_text"):
        del result["current"][name]
    del counted["pooled"]
    world.query(
        "UPDATE metric_values SET result = :result, tally = :tally",
        result=json.dumps(result),
        tally=json.dumps(counted),
    )
    assert load(connected) == (card,)


def test_a_damaged_tally_leaves_the_value(world: World, connected: MetricsHost) -> None:
    """The interval keeps the level that it has."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (before,) = load(connected)
    world.query("UPDATE metric_values SET tally = :tally", tally="{}")
    connected.accounts.edit(ADMIN, STRICT)
    assert load(connected) == (before,)


def test_a_value_of_another_definition_is_not_recalculated(
    world: World, connected: MetricsHost
) -> None:
    """Its tally is of the other definition; it is not shown anyway."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.accounts.edit(ADMIN, AccountSettings(zone="Asia/Tokyo", confidence=99))
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.result is None


def test_a_preview_has_the_level_of_the_account(world: World, connected: MetricsHost) -> None:
    """Another level reuses the download of the preview."""
    world.shop.answers["S1"] += stars("1", "2")
    first = connected.metrics.preview(EDITOR, "shop", AVERAGE)
    fetched = list(world.shop.fetches)
    connected.accounts.edit(ADMIN, STRICT)
    second = connected.metrics.preview(EDITOR, "shop", AVERAGE)
    assert world.shop.fetches == fetched
    assert (first.confidence, second.confidence) == (95, 99)


def test_a_load_of_10000_numbers_finds_its_results_again() -> None:
    """A smaller cache would find none of them, since each load needs them in the same order."""
    most = stored_confidence._find.cache_info().maxsize  # noqa: SLF001
    assert most is not None
    assert most >= 10_000
