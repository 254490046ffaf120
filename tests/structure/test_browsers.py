"""The Makefile installs Chromium only if the tests would find no browser."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_makefile_knows_the_browsers_of_the_tests(root: Path) -> None:
    """`make browser` and the browser tests search for the same commands."""
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    pages = (root / "reference_host/tests/e2e/browser_pages.py").read_text(encoding="utf-8")
    installed = re.search(r"^BROWSERS := (.+)$", makefile, re.MULTILINE)
    found = re.search(r"^NAMES: Final = (\(.+\))$", pages, re.MULTILINE)
    assert installed is not None
    assert found is not None

    assert installed[1].split() == re.findall(r'"([\w-]+)"', found[1])
