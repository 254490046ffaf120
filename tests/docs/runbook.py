"""Runs the commands of docs/runbooks.md: ``smaply-metrics`` in this process, others in a shell."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typer.testing import CliRunner

from smaply_metrics_core.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "runbooks.md"
OURS: Final = "smaply-metrics "
FAILS: Final = "  # exits with 1"


def commands(*titles: str) -> list[str]:
    """Return the commands below a heading; a further title selects a heading below it.

    Without a further title, these are the commands before the next heading.
    """
    text = PAGE.read_text(encoding="utf-8")
    for level, title in enumerate(titles, start=2):
        begin = re.search(rf"^{'#' * level} {re.escape(title)}$", text, re.MULTILINE)
        assert begin is not None, title
        text = text[begin.end() :]
        end = re.search(rf"^#{{2,{level}}} ", text, re.MULTILINE)
        text = text[: end.start()] if end else text
    text = re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    assert found, titles
    return found


@dataclass
class Operator:
    """A person who follows a runbook.

    Attributes:
        folder: The current folder.
        environment: The variables that they set.
        replaced: The names of the page that are others in the test.
    """

    folder: Path
    environment: dict[str, str]
    replaced: Mapping[str, str]

    def follow(self, *titles: str) -> list[str]:
        """Run the commands of a runbook and return what each printed.

        A command fails the test unless it exits with 0, or with 1 where the page says so.
        """
        return [self.run(line) for line in commands(*titles)]

    def run(self, line: str) -> str:
        """Run one command and return its standard output."""
        for name, instead in self.replaced.items():
            line = line.replace(name, instead)
        expected = int(line.endswith(FAILS))
        line = line.removesuffix(FAILS)
        code, output = self._ours(line) if line.startswith(OURS) else self._in_a_shell(line)
        assert code == expected, f"$ {line}\n{output}"
        return output

    def _ours(self, line: str) -> tuple[int, str]:
        line, _, target = line.partition(" > ")
        line, _, source = line.partition(" < ")
        arguments = [self._expanded(one) for one in shlex.split(line)[1:]]
        given = (self.folder / source).read_bytes() if source else b""
        result = CliRunner().invoke(app, arguments, input=given, env=self.environment)
        if target:
            Path(self._expanded(shlex.split(target)[0])).write_bytes(result.stdout_bytes)
        return result.exit_code, result.output

    def _in_a_shell(self, line: str) -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, **self.environment},
        )
        return done.returncode, done.stdout + done.stderr

    def _expanded(self, word: str) -> str:
        return re.sub(r"\$(\w+)", lambda found: self.environment[found[1]], word)
