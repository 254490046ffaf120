"""The steps of a tutorial: its commands with their output, and the files that it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PORT: Final = "8700"
"""The port of the local servers in the tutorials; tests use a free one."""

_STEP: Final = re.compile(
    r"^```console\n(?P<console>.*?)^```"
    r"|^<!-- generated: code [^>]*-->\n\n```python\n(?P<piece>.*?)^```"
    r"|^<!-- insert: (?P<target>\S+) before: (?P<before>[^>]+) -->\n\n```python\n(?P<added>.*?)^```"
    r"|`(?P<file>(?:src|tests)/[\w/]+\.py)`",
    re.MULTILINE | re.DOTALL,
)
_CHANGING: Final = {
    r"\b\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d\b": "TIME",
    r"\b(con|met)_[0-9a-f]{12}\b": r"\1_ID",
    r"\b\d+\.\d s\b": "SECONDS",
    r"─+": "─",
    r"\s+": " ",
}
"""Parts of the output that differ from run to run, or depend on the width of the terminal."""


@dataclass(frozen=True)
class Command:
    """A command and the lines of its output that the page shows."""

    line: str
    output: tuple[str, ...]


@dataclass(frozen=True)
class Write:
    """A file that the reader writes."""

    file: str
    text: str


@dataclass(frozen=True)
class Insert:
    """Lines that the reader inserts into a file before the first line that begins with a text."""

    file: str
    before: str
    text: str

    def applied(self, content: str) -> str:
        """Return the content of the file with the lines."""
        lines = content.splitlines(keepends=True)
        at = next(n for n, line in enumerate(lines) if line.strip().startswith(self.before))
        return "".join([*lines[:at], self.text, *lines[at:]])


Step = Command | Write | Insert


def steps(page: Path) -> Iterator[Step]:
    """Yield the steps of a page in order.

    The pieces of one file are collected: each ``Write`` has all pieces up to the next command.
    """
    pieces: dict[str, str] = {}
    unwritten: set[str] = set()
    file = ""
    for found in _STEP.finditer(page.read_text(encoding="utf-8")):
        if found["file"]:
            file = found["file"]
        elif found["piece"]:
            pieces[file] = f"{pieces.get(file, '')}\n{found['piece']}"
            unwritten.add(file)
        elif found["target"]:
            yield Insert(found["target"], found["before"], found["added"])
        else:
            yield from (Write(one, pieces[one]) for one in sorted(unwritten))
            unwritten.clear()
            yield from _commands(found["console"])


def _commands(block: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, output = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)\n?(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
        yield Command(re.sub(r"\\\n\s*", "", line), tuple(output.splitlines()))


def missing_lines(command: Command, printed: str) -> Sequence[str]:
    """Return the lines of the page from the first on that the command did not print in order."""
    lines = iter([_normal(line) for line in printed.splitlines()])
    for number, line in enumerate(command.output):
        if _normal(line) not in lines:  # Consumes what precedes it.
            return command.output[number:]
    return ()


def _normal(line: str) -> str:
    for pattern, text in _CHANGING.items():
        line = re.sub(pattern, text, line)
    return line.strip()
