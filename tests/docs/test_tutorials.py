"""A reader who follows a tutorial word by word gets what it shows."""

from __future__ import annotations

import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from smaply_metrics_core.cli.app import app
from smaply_metrics_core.testing.import_string import import_contract
from smaply_metrics_core.testing.local_server import local_server
from smaply_metrics_core.testing.scaffold.generator import ToolKind, write_source
from tests.author_environment import AuthorShell, build_wheel, link_libraries
from tests.docs.tutorial_steps import PORT, Command, Insert, Step, Write, missing_lines, steps
from tests.ports import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
TUTORIALS: Final = {"form_garden": "tutorial.md", "paper_birds": "tutorial-login.md"}
"""The page of each source that a tutorial builds."""


def page_steps(name: str) -> list[Step]:
    """Return the steps of the page of a source."""
    return list(steps(ROOT / "docs" / TUTORIALS[name]))


def apply(step: Write | Insert, project: Path) -> None:
    """Change a file of the project as the reader does."""
    path = project / step.file
    text = step.text if isinstance(step, Write) else step.applied(path.read_text(encoding="utf-8"))
    compile(text, step.file, "exec")
    path.write_text(text, encoding="utf-8")


def expect_output(command: Command, printed: str, *, replaced: str) -> None:
    """Check that a command printed what the page shows, apart from the port."""
    missing = missing_lines(command, printed.replace(f":{replaced}/", f":{PORT}/"))
    assert not missing, f"$ {command.line}\n{printed}\n\nNot printed: {missing}"


@pytest.fixture
def serve() -> Iterator[Callable[[str], str]]:
    """Start the local server of a contract class and return its port."""
    with ExitStack() as stack:

        def start(contract: str) -> str:
            server = stack.enter_context(
                local_server(stack.enter_context(import_contract(contract)))
            )
            thread = threading.Thread(target=server.listener.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.listener.shutdown)
            return str(server.listener.server_port)

        yield start


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_last_section_ends_with_a_card(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[[str], str]
) -> None:
    """The commands from the local server on print what the page shows."""
    project = tmp_path / name
    write_source(name, project, ToolKind.REST if name == "form_garden" else ToolKind.LOGIN)
    monkeypatch.chdir(project)
    for variable in [one for one in os.environ if one.startswith("SMAPLY")]:
        monkeypatch.delenv(variable)
    if name != "form_garden":  # That one is installed from plugins/.
        install(project / "src", name, monkeypatch)
    port = ""
    shown = []
    for step in page_steps(name):
        if isinstance(step, Command):
            if " source serve " in step.line:
                port = serve(step.line.split()[3])
            elif port:
                shown += [step.line] if step.output else []
                expect_output(step, printed_by(step.line, port, monkeypatch), replaced=port)
        else:
            apply(step, project)
    assert shown[-1] == "smaply-metrics card load"
    assert len(shown) >= 4


def install(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the source in a folder visible, with its metadata."""
    monkeypatch.syspath_prepend(str(folder))
    metadata = folder / f"smaply_metrics_{name}-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: smaply-metrics-{name.replace('_', '-')}\nVersion: 0.1.0\n"
        "Requires-Dist: smaply-metrics-core>=0.1,<0.2\n",
        encoding="utf-8",
    )
    (metadata / "entry_points.txt").write_text(
        f"[smaply_metrics.sources]\n{name} = smaply_metrics_{name}:source\n", encoding="utf-8"
    )


def printed_by(line: str, port: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command of a page in this process and return what it printed."""
    line = line.replace(PORT, port)
    if setting := re.fullmatch(r'export (\w+)="?([^"]+)"?', line):
        monkeypatch.setenv(setting[1], setting[2].replace("$PWD", str(Path.cwd())))
        return ""
    echoed = re.match(r"echo (.+?) \| ", line)
    program, *arguments = shlex.split(line[echoed.end() :] if echoed else line)
    assert program == "smaply-metrics"
    text = "".join(shlex.split(echoed[1])) + "\n" if echoed else ""
    result = CliRunner().invoke(app, arguments, input=text)
    assert result.exit_code == 0, f"{line}:\n{result.output}"
    return result.stdout


@pytest.mark.wheels
@pytest.mark.xdist_group("tutorials")
@pytest.mark.parametrize("name", TUTORIALS)
def test_every_command_works_in_an_empty_environment(name: str, tmp_path: Path) -> None:
    """From the first command on, the output is that of the page; outside the checkout."""
    port = str(free_port())
    (tmp_path / "dist").mkdir()
    build_wheel(ROOT, tmp_path / "dist")
    with AuthorShell(tmp_path) as shell:
        for step in page_steps(name):
            if isinstance(step, Command):
                line = step.line.replace(PORT, port)
                if " source serve " in line:
                    command = f"{line} --port {port}"
                    _, printed = shell.run(command, lines=len(step.output))
                else:
                    printed = shell(line)
                expect_output(step, printed, replaced=port)
                if " -m venv " in line:
                    link_libraries(tmp_path / ".venv")
            else:
                apply(step, tmp_path / name)
        shell("kill %1; wait; unset VIRTUAL_ENV")
