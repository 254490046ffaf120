"""The demo's account: filled once, continued by later demos, never in a home with other data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import ChartType, Display, Freshness, InputError, Role
from smaply_metrics_host.demo import content
from smaply_metrics_host.demo.sandbox_process import SandboxProcess
from smaply_metrics_host.demo.seed import ACCOUNT, seed_demo_account
from smaply_metrics_host.demo.visits import write_visits

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World


def sandbox_of(world: World) -> SandboxProcess:
    """Return the address and the token of the app's sandbox."""
    return SandboxProcess(world.sandbox.host, TOKEN)


def test_a_demo_is_furnished_once_and_taken_up_again(world: World) -> None:
    """Every chart type with a first value; the next start keeps what people did to it."""
    app_state, ada = world.app_state, world.actor(account=ACCOUNT)
    first = world.run(seed_demo_account(app_state, sandbox_of(world), 1))
    app_state.maps.rename(ACCOUNT, first, "Ours")
    before = world.run(app_state.metrics.metrics.list(ada))

    again = world.run(seed_demo_account(app_state, sandbox_of(world), 1))
    cards = world.run(app_state.metrics.cards.load(ada))

    maps = app_state.maps.list(ACCOUNT)
    assert (again, maps[0].name) == (first, "Ours")
    assert len(maps) == len(content.MAPS)
    assert world.run(app_state.metrics.metrics.list(ada)) == before
    assert len(before) == len(content.METRICS)
    assert {card.freshness for card in cards} == {Freshness.FRESH}
    page = world.client(Role.VIEWER, account=ACCOUNT).get(f"/maps/{first}").text
    for chart in ChartType:
        assert f'class="card as-{chart.value}' in page, chart
    assert "Low sample" in page


def test_a_home_with_other_accounts_is_not_furnished(world: World) -> None:
    """A demo in the home of a host that people use would hand out links to it."""
    world.client(Role.VIEWER, account="acme")

    with pytest.raises(InputError, match="not created by the demo"):
        world.run(seed_demo_account(world.app_state, sandbox_of(world), 1))


def test_all_that_is_planned_fits_together() -> None:
    """Each map names metrics that are planned, as many cells as it has stages, all chart types."""
    names = {one.name for one in content.METRICS}

    assert len(names) == len(content.METRICS)
    assert {one.display.chart for one in content.METRICS} == set(ChartType)
    for planned in content.MAPS:
        cells = [*planned.texts.values(), *planned.cards.values()]
        assert {len(row) for row in cells} == {len(planned.stages)}
        placed = {name for row in planned.cards.values() for cell in row for name in cell}
        assert placed <= names
    assert all(isinstance(one.display, Display) for one in content.METRICS)


def test_a_seed_writes_the_same_visits(tmp_path: Path) -> None:
    """On the same day; another seed has other visitors."""
    day = datetime(2026, 11, 25, tzinfo=UTC)
    written = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.csv"
        write_visits(path, seed=seed, until=day)
        written.append(path.read_bytes())

    assert written[0] == written[1]
    assert written[0] != written[2]
