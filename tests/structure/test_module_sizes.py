"""Modules have a limited length."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_LINES = 400


def test_no_module_is_long(root: Path, our_files: list[Path]) -> None:
    """No Python file has more than 400 lines; longer files have several subjects."""
    lengths = {
        str(file.relative_to(root)): len(file.read_text(encoding="utf-8").splitlines())
        for file in our_files
        if file.suffix == ".py"
    }

    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
