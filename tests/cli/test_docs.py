"""The pages that people copy from agree with the command and the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from smaply_metrics_core.cli.app import app
from smaply_metrics_core.models.query import PRESETS, Calculation

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(found: Any, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:  # noqa: ANN401
    """Give every command that does something, by its words."""
    below = getattr(found, "commands", None)
    if below is None:
        return {words: found}
    return {
        name: each for word in below for name, each in commands(below[word], (*words, word)).items()
    }


COMMANDS = commands(typer.main.get_command(app))


def examples() -> list[str]:
    """Give the command lines that the pages show."""
    shown = f"{README}\n{PAGE}".replace("\\\n", " ")
    found = re.findall(r"^\$ smaply-metrics (.*?)(?:\s+#.*)?$", shown, re.MULTILINE)
    return list(dict.fromkeys(" ".join(line.split()) for line in found))


def test_every_command_and_option_is_documented() -> None:
    """docs/cli.md names each command and each of its options."""
    undocumented = {
        option
        for found in COMMANDS.values()
        for parameter in found.params
        if parameter.param_type_name == "option"
        for option in parameter.opts
        if re.search(rf"[`\s\[]{option}\b", PAGE) is None
    }

    assert undocumented == set()
    for words in COMMANDS:
        assert f"`{' '.join(words)}" in PAGE, words


def test_every_name_is_documented() -> None:
    """docs/cli.md names each calculation and each range."""
    for name in (*Calculation, *PRESETS):
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize("line", examples())
def test_an_example_is_a_command_line(line: str) -> None:
    """Each command line that a page shows is understood as it stands."""
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


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link of a page leads to a file."""
    source = ROOT / page

    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", source.read_text(encoding="utf-8")):
        assert (source.parent / target).is_file(), target
