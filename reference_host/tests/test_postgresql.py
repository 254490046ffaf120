"""The host with the framework's store in PostgreSQL; people and maps remain in its home."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Actor, Role
from smaply_metrics_host.app import create_app
from smaply_metrics_host.settings import HostSettings
from tests.host.conftest import KEY
from tests.postgresql_server import running_postgres
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADA = Actor("acme", "Ada", Role.ADMIN)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[HostSettings]:
    """Settings with a PostgreSQL database."""
    with running_postgres(require_postgres()) as postgres:
        url = postgres.url(postgres.make_database())
        environment = {"SMAPLY_METRICS_DATABASE_URL": url, "SMAPLY_METRICS_ENCRYPTION_KEYS": KEY}
        yield HostSettings.from_environment(tmp_path, "http://127.0.0.1", environment)


def test_two_hosts_share_a_database(settings: HostSettings, tmp_path: Path) -> None:
    """A connection of one host is visible to the other; no SQLite store is created."""
    files = settings.files_of("acme")
    (files / "visits.csv").write_text("recorded_at,nps\n2026-01-01T00:00:00Z,9\n")

    async def use() -> list[str]:
        one, two = create_app(settings), create_app(settings)
        async with one.router.lifespan_context(one), two.router.lifespan_context(two):
            await one.state.app_state.metrics.connections.connect(
                ADA, "csv_example", {"folder": "."}
            )
            return [
                found.source for found in await two.state.app_state.metrics.connections.list(ADA)
            ]

    assert asyncio.run(use()) == ["csv_example"]
    assert not (tmp_path / "store.db").exists()
    assert (tmp_path / "host.db").exists()
