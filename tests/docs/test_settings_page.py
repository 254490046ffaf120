"""docs/settings.md documents every environment variable."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.docs.settings_page import PAGE, text

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(rb"SMAPLY_METRICS_[A-Z_]*[A-Z]")
NAMED = {
    "SMAPLY_METRICS_SECRET",
    "SMAPLY_METRICS_HOST",
    "SMAPLY_METRICS_SECRET_API_TOKEN",
    "SMAPLY_METRICS_SECRET_FIELD",
}
"""Prefixes, and variables of secret fields."""


def test_the_page_is_current() -> None:
    """The committed page is what `make docs-generated` writes."""
    assert PAGE.read_text(encoding="utf-8") == text()


def test_every_variable_in_the_repository_is_on_the_page() -> None:
    """No code, message or page mentions a variable that does not exist."""
    git = ["git", "ls-files", "-z"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, check=True).stdout
    known = set(VARIABLE.findall(text().encode())) | {name.encode() for name in NAMED}
    unknown = {
        (name, match.decode())
        for name in listed.decode().split("\0")
        # Tests mention unknown variables on purpose.
        if name and "tests/" not in name and (ROOT / name).is_file()
        for match in VARIABLE.findall((ROOT / name).read_bytes())
        if match not in known
    }

    assert unknown == set()
