"""The export of an account: everything that is stored, without secrets."""

from __future__ import annotations

import json
import stat
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.errors import InputError, NotFound
from smaply_metrics_core.host import Actor, AuditAction, Role
from smaply_metrics_core.host.store.account_rows import TABLES
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

RIVAL = Actor("rival", "rita", Role.ADMIN)


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an export by table."""
    with zipfile.ZipFile(path) as archive:
        return {
            name.removesuffix(".jsonl"): [json.loads(line) for line in archive.open(name)]
            for name in archive.namelist()
            if name.endswith(".jsonl")
        }


def test_an_export_has_every_row_of_the_account_and_no_other(
    world: World, connected: MetricsHost, tmp_path: Path
) -> None:
    """Each table has a file, and no credential is in the export, not even encrypted."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.cards.load(ADMIN, wait=60)
    connected.connections.connect(RIVAL, "shop", {"api_token": TOKEN})

    exported = connected.accounts.export(ADMIN, tmp_path / "acme.zip")

    found = rows(exported.path)
    assert set(found) == {"entered_values", *(table.name for table in TABLES)}
    assert {table: len(content) for table, content in found.items()} == exported.rows
    assert [one["name"] for one in found["metrics"]] == ["Stars"]
    assert found["metric_values"][0]["metric_id"] == metric.id
    assert found["history"][0]["as_of"] == world.clock.now().isoformat()
    assert "sealed" not in found["connections"][0]
    everything = json.dumps(found)
    assert not any(one in everything for one in (TOKEN, "rival", "rita"))
    assert stat.S_IMODE(exported.path.stat().st_mode) == 0o600
    assert connected.audit.list(ADMIN)[0].action is AuditAction.EXPORT_ACCOUNT


def test_an_existing_file_is_kept(connected: MetricsHost, tmp_path: Path) -> None:
    """The error says what to do, as for a folder that does not exist."""
    (tmp_path / "acme.zip").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="already exists"):
        connected.accounts.export(ADMIN, tmp_path / "acme.zip")
    assert (tmp_path / "acme.zip").read_text(encoding="utf-8") == "mine"
    with pytest.raises(InputError, match="cannot be written"):
        connected.accounts.export(ADMIN, tmp_path / "nowhere" / "acme.zip")


def test_tables_of_the_host_app_are_in_the_same_file(
    connected: MetricsHost, tmp_path: Path
) -> None:
    """They are counted in the manifest; if one cannot be written, no file is left."""
    path = tmp_path / "acme.zip"
    with pytest.raises(TypeError):
        connected.accounts.export(ADMIN, path, {"maps": [{"id": "m"}, {"id": object()}]})
    assert list(tmp_path.glob("*.zip")) == []

    exported = connected.accounts.export(ADMIN, path, {"maps": [{"id": "m"}], "texts": []})

    assert (exported.rows["host/maps"], exported.rows["host/texts"]) == (1, 0)
    assert rows(path)["host/maps"] == [{"id": "m"}]


def test_an_unknown_account_is_not_exported(host: MetricsHost, tmp_path: Path) -> None:
    """No file is written, and the account is not stored by it."""
    with pytest.raises(NotFound, match="Nothing is stored"):
        host.accounts.export(RIVAL, tmp_path / "rival.zip")
    assert list(tmp_path.glob("*.zip")) == []
    assert host.accounts.list() == {}
