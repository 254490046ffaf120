"""Importing the core does not load heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"alembic", "cryptography", "httpx", "polars", "sqlalchemy", "typer"}


def modules_loaded_by(statement: str) -> set[str]:
    """Run a statement in a new interpreter and return the modules that it loads."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_core_loads_without_its_heavy_libraries() -> None:
    """The import loads no database, data frame, HTTP, encryption or CLI library."""
    loaded = modules_loaded_by("import smaply_metrics_core")

    assert "smaply_metrics_core" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("library", sorted(HEAVY))
def test_a_heavy_library_is_detected(library: str) -> None:
    """Each name in the check is the module name of a library."""
    assert library in modules_loaded_by(f"import {library}")
