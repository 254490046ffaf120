"""History: each successful value is stored with its time, for as long as the setting says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import SourceUnavailable
from smaply_metrics_core.errors import InputError, NotFound
from smaply_metrics_core.host import AccountSettings, Actor, Role, Settings
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, OTHER, RESPONSES, VIEWER, load
from tests.host.fake_source import stars
from tests.host.refresh.test_batches import statements

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World


def shown(host: MetricsHost, metric_id: str) -> list[tuple[float | None, int | None]]:
    """Return the past values of a metric with their numbers of answers."""
    return [(one.value, one.answered) for one in host.metrics.history(VIEWER, metric_id)]


def test_each_successful_value_is_stored_with_its_time(
    world: World, connected: MetricsHost
) -> None:
    """A failure adds nothing, and a second refresh at the same instant replaces the first."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    first = world.clock.now()
    world.clock.forward(3601)
    world.shop.failure = SourceUnavailable("Closed.")
    load(connected)
    world.shop.failure = None
    world.shop.answers["S1"] += stars("1")
    world.clock.forward(3601)
    load(connected)
    connected.cards.load(EDITOR, wait=60, force=True)
    assert shown(connected, metric.id) == [(4.0, 3), (3.25, 4)]
    past = connected.metrics.history(VIEWER, metric.id)
    assert [one.as_of for one in past] == [first, world.clock.now()]
    (latest,) = connected.metrics.history(VIEWER, metric.id, since=world.clock.now())
    assert latest == past[-1]
    assert connected.metrics.history(VIEWER, metric.id, last=1) == (latest,)
    assert connected.metrics.history(VIEWER, metric.id, last=2) == past
    with pytest.raises(InputError, match="number of past values"):
        connected.metrics.history(VIEWER, metric.id, last=0)


def test_a_value_of_another_definition_is_not_included(
    world: World, connected: MetricsHost
) -> None:
    """Values of another question or time zone are not part of the history."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.metrics.edit(EDITOR, metric.id, definition=RESPONSES)
    assert shown(connected, metric.id) == []
    connected.metrics.edit(EDITOR, metric.id, definition=AVERAGE)
    assert shown(connected, metric.id) == [(4.0, 3)]
    connected.accounts.edit(ADMIN, AccountSettings("Europe/Vienna", 1))
    assert shown(connected, metric.id) == []


def test_several_histories_are_read_at_once(world: World, connected: MetricsHost) -> None:
    """Each is that of its metric and of its current definition; the statements do not add up."""
    add = connected.metrics.add
    metrics = [
        add(EDITOR, "shop", str(number), one).id
        for number, one in enumerate([AVERAGE, RESPONSES, OTHER, AVERAGE])
    ]
    for _ in range(3):
        load(connected)
        world.shop.answers["S1"] += stars("1")
        world.clock.forward(3601)
    # The first metric now has the former definition of the second one.
    connected.metrics.edit(EDITOR, metrics[0], definition=RESPONSES)
    connected.metrics.edit(EDITOR, metrics[1], definition=AVERAGE)
    with statements() as many:
        found = connected.metrics.histories(VIEWER, metrics, last=2)
    with statements() as single:
        each = {one: connected.metrics.history(VIEWER, one, last=2) for one in metrics}
    assert found == each
    assert [len(found[one]) for one in metrics] == [0, 0, 2, 2]
    assert len(many) * len(metrics) == len(single)
    assert connected.metrics.histories(VIEWER, []) == {}
    with pytest.raises(NotFound):
        connected.metrics.histories(VIEWER, [*metrics, "met_0"])


def test_old_values_are_deleted(world: World, connected: MetricsHost) -> None:
    """A refresh deletes the values of the metric that are older than the setting."""
    world.history = timedelta(days=2)
    host = world.open()
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    for _ in range(4):
        load(host)
        world.clock.forward(24 * 3600)
    assert len(shown(host, metric.id)) == 3
    load(host)
    assert len(shown(host, metric.id)) == 3


def test_a_host_may_store_no_history(world: World, connected: MetricsHost) -> None:
    """With 0 days, only the last value is stored."""
    world.history = timedelta(0)
    host = world.open()
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    for _ in range(2):
        load(host)
        world.clock.forward(3601)
    assert len(shown(host, metric.id)) <= 1


def test_deleting_a_metric_deletes_its_history(world: World, connected: MetricsHost) -> None:
    """No row of it remains in the store."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    assert world.query("SELECT count(*) FROM history") == [(1,)]
    connected.metrics.delete(EDITOR, metric.id)
    assert world.query("SELECT count(*) FROM history") == [(0,)]
    with pytest.raises(NotFound):
        connected.metrics.history(VIEWER, metric.id)


def test_another_account_sees_no_history(connected: MetricsHost) -> None:
    """The id of another account's metric is not found."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    with pytest.raises(NotFound):
        connected.metrics.history(Actor("rival", "rita", Role.ADMIN), metric.id)


@pytest.mark.parametrize("given", ["a year", "-1", "1.5", "99999999", "²"])
def test_the_retention_is_a_number_of_days(tmp_path: Path, given: str) -> None:
    """Any other value is refused."""
    environment = {"SMAPLY_METRICS_HISTORY_RETENTION_DAYS": given}
    with pytest.raises(InputError, match="SMAPLY_METRICS_HISTORY_RETENTION_DAYS"):
        Settings.from_environment(tmp_path, environment, account="acme")


def test_the_days_are_read_from_the_environment(tmp_path: Path) -> None:
    """Without the variable it is 400 days."""
    for environment, days in (({}, 400), ({"SMAPLY_METRICS_HISTORY_RETENTION_DAYS": "7"}, 7)):
        settings = Settings.from_environment(tmp_path, environment, account="acme")
        assert settings.history_retention == timedelta(days=days)
