"""The demo's account: connections to its sources, metrics, journey maps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.host import (
    AccountSettings,
    Actor,
    ConnectionView,
    InputError,
    Metric,
    NotFound,
    Role,
)
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.demo import content
from smaply_metrics_host.demo.connections import (
    DATABASE_FILE,
    database_credentials,
    uses_only_invented_data,
)
from smaply_metrics_host.demo.planned import PlannedMap
from smaply_metrics_host.demo.recorded_limesurvey import recorded_limesurvey
from smaply_metrics_host.demo.sandbox_process import REMEDY, SandboxProcess
from smaply_metrics_host.demo.visits import write_visits, write_visits_database
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.uploads.upload_storage import OURS

ACCOUNT: Final = "demo"
OWNER: Final = "Ada"
ZONE: Final = "Europe/Vienna"
SECONDS_TO_LOAD: Final = 20.0


async def seed_demo_account(app_state: AppState, sandbox: SandboxProcess, seed: int) -> str:
    """Fill the account, or continue with that of an earlier demo; return its first map's id.

    Changes that people made to it stay. The first values are stored when this returns, unless
    that takes longer than 20 seconds.

    Args:
        app_state: The parts of the host.
        sandbox: The running sandbox.
        seed: Another seed invents other people.

    Raises:
        InputError: A source of the demo is not installed, or the home holds other data.
    """
    ada = Actor(ACCOUNT, OWNER, Role.ADMIN)
    await _require_sources(app_state)
    await _refuse_what_is_real(app_state, ada)
    await asyncio.to_thread(app_state.people.invite, ACCOUNT, OWNER, Role.ADMIN)
    uploads = app_state.settings.files_of(ACCOUNT) / OURS
    await asyncio.to_thread(_write_files, uploads, seed)
    recorded = recorded_limesurvey()
    await _connect(app_state, ada, content.QUALTRICS, sandbox.credentials)
    await _connect(app_state, ada, content.FILES, {"folder": OURS})
    await _connect(app_state, ada, content.DATABASE, database_credentials(OURS))
    if recorded is not None:
        await _connect(app_state, ada, content.LIMESURVEY, recorded)
    maps = await asyncio.to_thread(app_state.maps.list, ACCOUNT)
    if not maps:
        await app_state.metrics.accounts.edit(ada, AccountSettings(zone=ZONE))
        workspaces = await asyncio.to_thread(_workspaces, app_state)
        metrics = await _metrics(app_state, ada, workspaces)
        shown = [*content.MAPS, *([content.RECORDED_MAP] if recorded is not None else [])]
        for planned in shown:
            await asyncio.to_thread(_draw_map, app_state, planned, workspaces, metrics)
        maps = await asyncio.to_thread(app_state.maps.list, ACCOUNT)
    await app_state.metrics.cards.load(ada, wait=SECONDS_TO_LOAD)
    return maps[0].id


async def _require_sources(app_state: AppState) -> None:
    for source in content.SOURCES:
        try:
            await app_state.metrics.sources.get(source)
        except NotFound:
            raise InputError(
                f"The demo needs the source {source}, which is not installed.",
                remedy=REMEDY,
            ) from None


async def _refuse_what_is_real(app_state: AppState, ada: Actor) -> None:
    """Raise an error if the home holds data that no demo created: it must not be overwritten."""
    others = set(await asyncio.to_thread(app_state.people.accounts)) - {ACCOUNT}
    connections = await app_state.metrics.connections.list(ada)
    if others or not all(_invented(view) for view in connections):
        raise InputError(
            "The home folder contains data that was not created by the demo.",
            remedy="Choose another folder with --home, or omit the option.",
        )


def _invented(view: ConnectionView) -> bool:
    return uses_only_invented_data(view, OURS)


def _write_files(folder: Path, seed: int) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    write_visits(folder / f"{content.VISITS}.csv", seed=seed, until=today)
    write_visits_database(folder / DATABASE_FILE, seed=seed, until=today)


async def _connect(app_state: AppState, ada: Actor, source: str, values: dict[str, str]) -> None:
    """Connect, or point the first connection of an earlier demo to the new sandbox."""
    connections = app_state.metrics.connections
    known = await _first_connections(app_state, ada)
    if source in known:
        await connections.edit(ada, known[source], values)
    else:
        await connections.connect(ada, source, values)


async def _first_connections(app_state: AppState, ada: Actor) -> dict[str, str]:
    """Return the id of the oldest connection to each source."""
    views = await app_state.metrics.connections.list(ada)
    return {view.source: view.id for view in reversed(views)}


def _workspaces(app_state: AppState) -> dict[str, str]:
    """Return the ids of the demo's workspaces by name, and create those that are missing."""
    known = app_state.people.workspaces(ACCOUNT)
    if content.ONLINE not in {one.name for one in known}:
        app_state.people.rename_workspace(ACCOUNT, known[0].id, content.ONLINE)
    if content.STORES not in {one.name for one in known}:
        app_state.people.add_workspace(ACCOUNT, content.STORES)
    return {one.name: one.id for one in app_state.people.workspaces(ACCOUNT)}


async def _metrics(
    app_state: AppState, ada: Actor, workspaces: Mapping[str, str]
) -> dict[str, Metric]:
    """Return the demo's metrics by name, and create those that are missing."""
    metrics = {metric.name: metric for metric in await app_state.metrics.metrics.list(ada)}
    connections = await _first_connections(app_state, ada)
    for planned in (*content.METRICS, *content.RECORDED_METRICS):
        if planned.name not in metrics and planned.source in connections:
            metrics[planned.name] = await app_state.metrics.metrics.add(
                ada,
                connections[planned.source],
                planned.name,
                planned.definition,
                display=planned.display,
                workspace=workspaces[planned.workspace],
            )
    return metrics


def _draw_map(
    app_state: AppState,
    planned: PlannedMap,
    workspaces: Mapping[str, str],
    metrics: Mapping[str, Metric],
) -> None:
    map_id = app_state.maps.add(ACCOUNT, workspaces[planned.workspace], planned.name)
    stages = [app_state.maps.add_stage(ACCOUNT, map_id, name) for name in planned.stages]
    for name, texts in planned.texts.items():
        lane = app_state.maps.add_lane(ACCOUNT, map_id, name, "text")
        for stage, text in zip(stages, texts, strict=True):
            app_state.maps.write(ACCOUNT, Cell(map_id, lane, stage), text)
    for name, cells in planned.cards.items():
        lane = app_state.maps.add_lane(ACCOUNT, map_id, name, "data")
        for stage, shown in zip(stages, cells, strict=True):
            for metric in shown:
                placed = metrics[metric]
                cell = Cell(map_id, lane, stage)
                app_state.card_placements.place(ACCOUNT, cell, placed.id, placed.display)
