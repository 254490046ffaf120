"""README.md and docs/cli.md agree with the command and the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from smaply_metrics_core.models.query import PRESETS, Calculation
from tests.docs.cli_page import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples() -> list[str]:
    """Return the command lines in the pages."""
    shown = f"{README}\n{PAGE}".replace("\\\n", " ")
    found = re.findall(r"^\$ smaply-metrics (.*?)(?:\s+#.*)?$", shown, re.MULTILINE)
    return list(dict.fromkeys(" ".join(line.split()) for line in found))


def test_every_name_is_documented() -> None:
    """docs/cli.md names each calculation and each range."""
    for name in (*Calculation, *PRESETS):
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize("line", examples())
def test_an_example_is_a_command_line(line: str) -> None:
    """Each command line in the pages can be parsed."""
    arguments = shlex.split(line.partition(" < ")[0])
    while arguments[0].startswith("--"):  # Options of the root, each with a value.
        del arguments[:2]
    words = tuple(arguments[:2])

    context = COMMANDS[words].make_context(words[-1], arguments[len(words) :])

    assert context.params


def test_the_readme_shows_how_a_host_loads_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python in the README runs."""
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)

    exec(compile(code, "README.md", "exec"), {})  # noqa: S102  # Our own page.

    assert (tmp_path / "var" / "metrics" / "store.db").is_file()


def test_links_of_the_readme_lead_somewhere() -> None:
    """Every relative link leads to a file; those of the other pages are tested on the site."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
