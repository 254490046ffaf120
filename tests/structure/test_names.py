"""Class names are unique, and module names differ from those of the standard library."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

STANDARD_NAMES_ALLOWED = {
    # A public module, which is never imported by its last name alone.
    "smaply_metrics_core/http",
}


def modules(root: Path, our_files: list[Path]) -> list[Path]:
    """Return the modules of the project without tests."""
    found = [
        file
        for file in our_files
        if file.suffix == ".py" and "tests" not in file.relative_to(root).parts
    ]
    assert len(found) > 300
    return found


# Parsing all modules would take 1 s.
TOP_LEVEL_CLASS = re.compile(r"^class _*(\w+)", re.MULTILINE)


def class_names(source: str) -> list[str]:
    """Return the names of top-level classes, without leading underscores."""
    return TOP_LEVEL_CLASS.findall(source)


def test_no_class_name_is_used_twice(root: Path, our_files: list[Path]) -> None:
    """Each top-level class, including private ones, has a unique name."""
    defined: dict[str, list[str]] = defaultdict(list)
    for file in modules(root, our_files):
        for name in class_names(file.read_text(encoding="utf-8")):
            defined[name].append(str(file.relative_to(root)))

    assert len(defined) > 300
    assert {name: files for name, files in defined.items() if len(files) > 1} == {}


def test_no_module_has_the_name_of_a_standard_module(root: Path, our_files: list[Path]) -> None:
    """No module has a name such as `queue` or `calendar`, which Python uses."""
    paths = {file.relative_to(root) for file in modules(root, our_files)}
    packages = {path.parent for path in paths if path.name == "__init__.py"}
    named = {path.with_suffix("") for path in paths if path.name != "__init__.py"} | packages

    wrong = {str(path) for path in named if path.name in sys.stdlib_module_names - {"__main__"}}
    assert wrong - STANDARD_NAMES_ALLOWED == set()
    assert wrong >= STANDARD_NAMES_ALLOWED


def test_private_classes_are_checked() -> None:
    """A leading underscore does not make a name unique."""
    assert class_names("class _Key: ...\nclass Key: ...\ndef f():\n  class Key: ...") == ["Key"] * 2
