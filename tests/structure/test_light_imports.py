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


# Steps of one process, from the lightest to the heaviest, with the modules not loaded after each.
LIGHT = [
    (
        "from smaply_metrics_core import Survey, hookimpl",
        (*LIBRARIES, "typer", "smaply_metrics_core.sources", "smaply_metrics_core.bundle"),
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
]
HOST = [
    (
        "from smaply_metrics_core.host import MetricsHost",
        ("alembic", "httpx", "polars", "pydantic_settings", "rich", "typer", "vcr", *TELEMETRY),
    ),
]


@pytest.mark.parametrize("steps", [LIGHT, HOST], ids=["contract, help and list", "host"])
def test_an_import_loads_no_heavy_module(steps: list[tuple[str, tuple[str, ...]]]) -> None:
    """Each name is loaded when it is used, with what it needs."""
    show = "import sys; print('LOADED', *sys.modules)"
    program = "\n".join(f"{code}\n{show}" for code, _ in steps)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    shown = [line for line in done.stdout.splitlines() if line.startswith("LOADED ")]
    for (code, unwanted), modules in zip(steps, shown, strict=True):
        loaded = set(modules.split())
        assert "smaply_metrics_core" in loaded
        assert set(unwanted) & loaded == set(), code
