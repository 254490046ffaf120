"""Output: JSON for programs, tables and sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.cli.stdio import reserve_stdout
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.terminal_text import to_json, visible, visible_lines

if TYPE_CHECKING:  # Heavy, and not needed for `--help` and `--json`.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or error, without highlighting."""
    from rich.console import Console

    file = None if stderr else reserve_stdout()
    return Console(file=file, stderr=stderr, highlight=False, emoji=False)


def text(value: object, style: str = "") -> Text:
    """Return a text on one line, without unsafe characters; markup in it is not interpreted."""
    from rich.text import Text

    return Text(visible(str(value)), style)


def lines(values: Iterable[str]) -> Text:
    """Return texts below each other, for a cell of a table."""
    from rich.text import Text

    return Text("\n").join(map(text, values))


def print_text(*parts: Text | str, style: str = "", stderr: bool = False, indent: int = 0) -> None:
    """Print one line or paragraph."""
    from rich.padding import Padding
    from rich.text import Text

    line = Text.assemble(*(text(part) if isinstance(part, str) else part for part in parts))
    line.style = style
    console(stderr=stderr).print(Padding(line, (0, 0, 0, indent), expand=False) if indent else line)


def table(*columns: str, right: Iterable[str] = (), whole: Iterable[str] = ()) -> Table:
    """Return an empty table; ``right`` names right-aligned columns, ``whole`` unwrapped ones.

    Texts from outside go into its cells by ``text``; plain strings would be read as markup.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column in whole,
            overflow="fold",
        )
    return made


def show(made: Table) -> None:
    """Print a table."""
    console().print(made)


def print_json(data: Any) -> None:  # noqa: ANN401  # Any JSON value.
    """Print JSON on standard output; escapes non-ASCII characters unless its encoding is UTF-8.

    Control, bidirectional and invisible characters are always escaped.
    """
    out = reserve_stdout()
    unicode = (out.encoding or "").lower().replace("-", "") == "utf8"
    out.write(to_json(data, ascii_only=not unicode))
    out.write("\n")
    out.flush()


def print_lines(value: str) -> None:
    """Print the lines of a text on standard output as they are, such as for a file."""
    out = reserve_stdout()
    out.write(visible_lines(value.rstrip("\n"), indent=""))
    out.write("\n")
    out.flush()


def error_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON, without unset fields except the issue."""
    found: dict[str, Any] = {
        "kind": problem.kind,
        "issue": problem.issue,
        "message": problem.message,
        "remedy": problem.remedy,
    }
    if problem.code is not None:
        found["code"] = problem.code
    if problem.request_id is not None:
        found["request_id"] = problem.request_id
    if problem.fields:
        found["fields"] = [field.model_dump(mode="json") for field in problem.fields]
    return found


def print_problem(problem: Problem, *, style: str = "red", stderr: bool = False) -> None:
    """Print a problem and its remedy."""
    issue = f"{problem.issue.replace('_', ' ').capitalize()}: " if problem.issue else ""
    print_text(text("✗ ", style), text(issue, "bold"), problem.message, stderr=stderr)
    print_text("→ ", problem.remedy, stderr=stderr)
    references = [
        f"{name} {value}"
        for name, value in (("code", problem.code), ("request ID", problem.request_id))
        if value
    ]
    if references:
        print_text("For support: ", ", ".join(references), style="dim", stderr=stderr)


def first_line(value: str) -> str:
    """Return a value with many lines, such as a mapping, as its first line and their number."""
    first, *others = value.splitlines() or [""]
    return f"{first} … ({len(others) + 1} lines)" if others else first
