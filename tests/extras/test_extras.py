"""The error for a missing package names the extra that installs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from smaply_metrics_core.charts import browser_bundle
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import PURPOSES, require_extra
from smaply_metrics_core.host import AllowedDestinations, MetricsHost, Settings, value_table
from smaply_metrics_core.host.refresh.procrastinate_queue import require_procrastinate

URL = SecretStr("postgresql://user@127.0.0.1:1/database")


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Make the import of a module fail."""
    monkeypatch.setitem(sys.modules, request.param, None)


@pytest.mark.parametrize("extra", PURPOSES)
def test_the_remedy_installs_the_extra(extra: str) -> None:
    """The message names the package, and the remedy names the extra."""
    with pytest.raises(InputError, match="no_such_package") as caught:
        require_extra(extra, "json", "no_such_package")

    assert f'pip install "smaply-metrics-core[{extra}]"' in caught.value.remedy


def test_an_installed_extra_is_no_error() -> None:
    """Nothing is raised if the modules can be imported."""
    require_extra("cli", "typer", "rich")


@pytest.mark.parametrize("block", ["vl_convert"], indirect=True)
@pytest.mark.usefixtures("block")
def test_charts_name_their_extra() -> None:
    """The error without vl-convert names the extra."""
    with pytest.raises(InputError) as caught:
        browser_bundle()
    assert "smaply-metrics-core[charts]" in caught.value.remedy


@pytest.mark.parametrize("block", ["pandas"], indirect=True)
@pytest.mark.usefixtures("block")
def test_frames_of_pandas_name_their_extra() -> None:
    """The error without pandas names the extra; Polars is always installed."""
    table = value_table([])
    assert table.to_polars().is_empty()
    with pytest.raises(InputError) as caught:
        table.to_pandas()
    assert "smaply-metrics-core[pandas]" in caught.value.remedy


@pytest.mark.parametrize("block", ["procrastinate"], indirect=True)
@pytest.mark.usefixtures("block")
def test_workers_name_their_extra() -> None:
    """The error without Procrastinate names the extra."""
    with pytest.raises(InputError) as caught:
        require_procrastinate()
    assert "smaply-metrics-core[worker]" in caught.value.remedy


@pytest.mark.parametrize("block", ["psycopg"], indirect=True)
@pytest.mark.usefixtures("block")
def test_postgresql_names_its_extra(tmp_path: Path) -> None:
    """The error for a PostgreSQL store without the driver names the extra."""
    settings = Settings(home=tmp_path, allowed=AllowedDestinations(), database_url=URL)
    with pytest.raises(InputError) as caught:
        MetricsHost(settings)
    assert "smaply-metrics-core[postgresql]" in caught.value.remedy
