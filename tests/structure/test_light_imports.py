"""The modules that light imports do not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

TELEMETRY = ("opentelemetry", "prometheus_client", "pythonjsonlogger")
HEAVY = (
    *("alembic", "asyncio", "cryptography", "httpx", "polars", "procrastinate", "psycopg"),
    *TELEMETRY,
)
LIBRARIES = (*HEAVY, "packaging", "pydantic_settings", "rich.console", "sqlalchemy", "vcr")

HELP = """
import sys
from smaply_metrics_core.cli import main
sys.argv[1:] = ["--help"]
try:
    main()
except SystemExit:
    pass
"""


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        (
            "from smaply_metrics_core import Survey, hookimpl",
            (*LIBRARIES, "typer", "smaply_metrics_core.sources", "smaply_metrics_core.bundle"),
        ),
        (
            "from smaply_metrics_core.host import MetricsHost",
            ("alembic", "httpx", "polars", "pydantic_settings", "rich", "typer", "vcr", *TELEMETRY),
        ),
        (
            HELP,
            (*LIBRARIES, "smaply_metrics_core.host", "smaply_metrics_core.cli.commands"),
        ),
        (
            "import smaply_metrics_core.sources.registry as r; r.SourceRegistry().states()",
            (
                *("httpx", "polars", "sqlalchemy", "cryptography"),
                *("smaply_metrics_qualtrics", "smaply_metrics_csv_example"),
            ),
        ),
    ],
    ids=["contract", "host", "help", "listed sources"],
)
def test_an_import_loads_no_heavy_module(code: str, unwanted: tuple[str, ...]) -> None:
    """Each name is loaded when it is used, with what it needs."""
    program = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    ).stdout.splitlines()
    assert "smaply_metrics_core" in loaded
    assert set(unwanted) & set(loaded) == set()
