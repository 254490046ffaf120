"""The demo's account: filled once, reused later, and never in a home with other accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import ChartType, Display, Freshness, InputError, Role, Verdict
from smaply_metrics_host.demo import content
from smaply_metrics_host.demo.recorded_limesurvey import LIMESURVEY_VARIABLE, recorded_limesurvey
from smaply_metrics_host.demo.sandbox_process import SandboxProcess
from smaply_metrics_host.demo.seed import ACCOUNT, seed_demo_account
from smaply_metrics_host.demo.visits import write_visits

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World


def sandbox_of(world: World) -> SandboxProcess:
    """Return the address and the token of the app's sandbox."""
    return SandboxProcess(world.sandbox.host, TOKEN)


def test_a_demo_account_is_filled_once_and_reused(world: World) -> None:
    """Every chart type has a value; the next start keeps changes.

    The visits have the same NPS in a file and in a database, and one change is only noise.
    """
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
    results = {card.name: card.result for card in cards}
    from_file = results["Store visits: NPS, from a file"]
    from_database = results["Store visits: NPS, from a database"]
    assert from_file is not None
    assert from_database is not None
    windows = [one.current.model_dump(exclude={"window"}) for one in (from_file, from_database)]
    assert windows[0] == windows[1]
    noise = results["Store visits: paying was easy, last 90 days vs. previous"]
    assert noise is not None
    assert noise.change is not None
    assert noise.change.verdict is Verdict.NO_CLEAR_CHANGE
    for chart in ChartType:
        assert f'class="card as-{chart.value}' in page, chart
    assert "Low sample" in page


def test_the_address_of_a_recorded_limesurvey_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable there is none; a wrong one is an error that names it."""
    monkeypatch.delenv(LIMESURVEY_VARIABLE, raising=False)
    assert recorded_limesurvey() is None
    monkeypatch.setenv(LIMESURVEY_VARIABLE, "http://ann:pass-made-up@127.0.0.1:8123")
    assert recorded_limesurvey() == {
        "address": "http://127.0.0.1:8123",
        "user": "ann",
        "password": "pass-made-up",
        "time_zone": "Europe/Vienna",
    }
    for wrong in (
        "127.0.0.1:8123",
        "http://127.0.0.1:8123",
        "https://ann:p@127.0.0.1:1",
        "http://[",
    ):
        monkeypatch.setenv(LIMESURVEY_VARIABLE, wrong)
        with pytest.raises(InputError, match=LIMESURVEY_VARIABLE):
            recorded_limesurvey()


def test_a_home_with_other_accounts_is_refused(world: World) -> None:
    """A demo in the home of a real host would print links to it."""
    world.client(Role.VIEWER, account="acme")

    with pytest.raises(InputError, match="not created by the demo"):
        world.run(seed_demo_account(world.app_state, sandbox_of(world), 1))


def test_the_content_is_consistent() -> None:
    """Maps refer to existing metrics, rows have a cell per stage, and all chart types are used."""
    names = {one.name for one in content.METRICS}

    assert len(names) == len(content.METRICS)
    assert {one.display.chart for one in content.METRICS} == set(ChartType)
    names |= {one.name for one in content.RECORDED_METRICS}
    for planned in (*content.MAPS, content.RECORDED_MAP):
        cells = [*planned.texts.values(), *planned.cards.values()]
        assert {len(row) for row in cells} == {len(planned.stages)}
        placed = {name for row in planned.cards.values() for cell in row for name in cell}
        assert placed <= names
    assert all(isinstance(one.display, Display) for one in content.METRICS)


def test_a_seed_is_reproducible(tmp_path: Path) -> None:
    """A seed writes the same visits on the same day; another seed writes others."""
    day = datetime(2026, 11, 25, tzinfo=UTC)
    written = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.csv"
        write_visits(path, seed=seed, until=day)
        written.append(path.read_bytes())

    assert written[0] == written[1]
    assert written[0] != written[2]
