"""Skipped tests are counted by reason at the end of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TESTS = """
import pytest

needs_data = pytest.mark.skipif(True, reason="the data is not here")


@needs_data
@pytest.mark.parametrize("number", range(3))
def test_marked(number):
    raise AssertionError


def test_skips_itself():
    pytest.skip("there is no browser")


@pytest.fixture
def data():
    pytest.skip("the data is not here")


def test_of_a_fixture(data):
    raise AssertionError


@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_expected():
    raise AssertionError


def test_passes():
    pass
"""
MODULE = """
import pytest

pytest.importorskip("there_is_no_such_module", reason="a library is missing")
"""


def run(folder: Path, *options: str) -> list[str]:
    """Run the tests of a folder with the plugin and return the lines printed."""
    plugins = ("-p", "tests.skip_summary", "-p", "xdist", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plugins]
    done = subprocess.run(
        [*command, f"--rootdir={folder}", *options, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


WORKERS = pytest.param(
    ("-n", "2"), id="workers", marks=pytest.mark.deep(reason="2 s: three processes of pytest")
)


@pytest.mark.parametrize("options", [pytest.param((), id="plain"), WORKERS])
def test_skips_are_counted_by_reason(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Skips by marks, fixtures, tests and modules are counted, the most frequent reason first."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "test_module.py").write_text(MODULE, encoding="utf-8")

    lines = run(tmp_path, *options)

    assert [line for line in lines if line.startswith("Skipped: ")] == [
        "Skipped: 4 — the data is not here",
        "Skipped: 1 — a library is missing",
        "Skipped: 1 — there is no browser",
    ]
    assert not any("known" in line for line in lines)


def test_a_run_without_skips_has_no_summary(tmp_path: Path) -> None:
    """No line is added if no test was skipped."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_one.py").write_text("def test_passes():\n    pass\n", encoding="utf-8")

    lines = run(tmp_path)

    assert any("1 passed" in line for line in lines)
    assert not any("kipped" in line for line in lines)


def test_the_plugin_is_registered(request: pytest.FixtureRequest) -> None:
    """The plugin is registered in this run."""
    assert request.config.pluginmanager.has_plugin("tests.skip_summary")
