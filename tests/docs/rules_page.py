"""Writes docs/rules.md from the contract suite and docs/rules.toml: ``make docs-generated``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from smaply_metrics_core.testing import SourceContract

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGE: Final = DOCS / "rules.md"
REASONS: Final = DOCS / "rules.toml"

INTRODUCTION: Final = """\
# The rules of the contract suite

<!-- Written by `make docs-generated` from the docstrings of the tests and from rules.toml. -->

Each test of [the contract suite](testing.md) is a rule. A failure states what is wrong and ends
with a line `Fix: …`. This page lists the rules, the reason for each, and how a source follows it.
Skipping one requires [a written reason](testing.md#exceptions).
"""


def subjects() -> Iterator[tuple[str, list[str]]]:
    """Yield each subject of the suite with its tests, in the order in which they run."""
    for base in reversed(SourceContract.__mro__):
        tests = [name for name in vars(base) if name.startswith("test_")]
        if tests:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", base.__name__).lower().capitalize()
            yield words.replace("Http", "HTTP"), tests


def reasons() -> dict[str, dict[str, str]]:
    """Return why each rule exists (`why`), and how a source follows it (`how`)."""
    return tomllib.loads(REASONS.read_text(encoding="utf-8"))


def text() -> str:
    """Return the page."""
    known = reasons()
    parts = [INTRODUCTION]
    for subject, tests in subjects():
        parts.append(f"\n## {subject}\n")
        for name in tests:
            rule = (getattr(SourceContract, name).__doc__ or "").strip()
            parts.append(
                f"\n### `{name}`\n\n{rule}\n\n**Why.** {known[name]['why'].strip()}\n\n"
                f"**How.** {known[name]['how'].strip()}\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
