"""Writes docs/reference/cli.md from the Typer application: ``make docs-generated``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from smaply_metrics_core.cli.app import app

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
PROGRAM: Final = "smaply-metrics"

INTRODUCTION: Final = """\
# `smaply-metrics`

<!-- Written by `make docs-generated` from the command itself. -->

Every command with its arguments and options. [The command line](../cli.md) explains
how to use them: secrets, exit codes, and the JSON output.
"""


def commands(found: Any, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:  # noqa: ANN401
    """Return every command that does something, by its words."""
    below = getattr(found, "commands", None)
    if below is None:
        return {words: found}
    return {
        name: each for word in below for name, each in commands(below[word], (*words, word)).items()
    }


ROOT: Final[Any] = typer.main.get_command(app)
COMMANDS: Final = commands(ROOT)


def parameters(command: Any, kind: str) -> list[Any]:  # noqa: ANN401  # Typer exports no type.
    """Return the arguments or the options of a command, in the order of its help."""
    return [each for each in command.params if each.param_type_name == kind and not each.hidden]


def common_options() -> list[str]:
    """Return the options that every command has."""
    names = [{each.opts[0] for each in parameters(one, "option")} for one in COMMANDS.values()]
    first = parameters(next(iter(COMMANDS.values())), "option")
    return [each.opts[0] for each in first if all(each.opts[0] in one for one in names)]


def table(options: list[Any]) -> Iterator[str]:
    """Yield a table of options."""
    yield "\n| Option | Meaning |\n| --- | --- |\n"
    for each in options:
        name, meaning = each.get_help_record(context(ROOT))
        meaning = re.sub(r"\s*\[required\]$", " Required.", " ".join(meaning.split()))
        cells = (f"`{name}`", meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def context(command: Any, name: str = PROGRAM) -> Any:  # noqa: ANN401  # Typer exports no type.
    """Return the context of a command that is not run."""
    return command.context_class(command, info_name=name)


def section(words: tuple[str, ...], command: Any, common: list[str]) -> Iterator[str]:  # noqa: ANN401
    """Yield the section of one command."""
    usage = " ".join(command.collect_usage_pieces(context(command)))
    usage = usage.replace("{", "").replace("}", "")
    yield f"\n### `{' '.join(words)}`\n\n```text\n{' '.join((PROGRAM, *words))} {usage}\n```\n"
    yield f"\n{' '.join(command.help.split())}\n"
    options = [each for each in parameters(command, "option") if each.opts[0] not in common]
    if options:
        yield from table(options)


def text() -> str:
    """Return the page."""
    common = common_options()
    parts = [INTRODUCTION, "\n## Options of every command\n"]
    shared = parameters(next(iter(COMMANDS.values())), "option")
    parts += table([each for each in shared if each.opts[0] in common])
    noun = ""
    for words, command in COMMANDS.items():
        if words[0] != noun:
            noun = words[0]
            parts.append(f"\n## `{noun}`\n\n{' '.join(ROOT.commands[noun].help.split())}\n")
        parts += section(words, command, common)
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
