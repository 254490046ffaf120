"""Type checkers accept the files in `tests/typing/` and report their mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILES = {"contract_tests.py", "host_app.py", "plugin.py"}


@pytest.mark.deep(reason="`make types` checks the same; this proves that it would fail")
def test_basedpyright_agrees_with_the_public_types(root: Path) -> None:
    """A plugin, its tests and a host app are typed correctly, and mistakes are reported.

    mypy checks the same files in `make types`.
    """
    assert {path.name for path in (root / "tests/typing").glob("*.py")} == FILES

    done = subprocess.run(
        [Path(sys.executable).with_name("basedpyright"), "--outputjson"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"filesAnalyzed": 3' in done.stdout
