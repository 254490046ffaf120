"""An environment as an author of a source has it: outside the checkout, with the core's wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

MARK: Final = "@@ exit code "
SECONDS: Final = 600


def build_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel of a project."""
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    subprocess.run(
        [*command, "--directory", str(folder)], cwd=project, check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def link_libraries(environment: Path) -> None:
    """Link the libraries of the test environment into a new one, instead of downloading them.

    Our own distributions are left out: their entry points would be found, too.
    """
    (site,) = (environment / "lib").glob("python*/site-packages")
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for one in Path(folder).iterdir():
            ours = "smaply" in one.name or one.suffix == ".pth" or one.name == "__pycache__"
            if not ours and not (site / one.name).exists():
                (site / one.name).symlink_to(one)
    python = environment / "bin" / "python"
    for tool in ("mypy", "pytest"):
        script = environment / "bin" / tool
        script.write_text(
            f"#!{python}\nimport runpy\nrunpy.run_module({tool!r}, run_name='__main__')\n",
            encoding="utf-8",
        )
        script.chmod(0o755)


class AuthorShell:
    """A shell that runs commands one after the other, and keeps its folder and variables.

    pip takes nothing from an index: requirements, also those of builds, have to be installed.

    Args:
        folder: The first folder; it gets a ``bin`` with the only Python on the path.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "bin").mkdir()
        python = folder / "bin" / "python3"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        self._process = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            cwd=folder,
            env=_variables(python.parent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._timer = threading.Timer(SECONDS, self._process.kill)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __call__(self, command: str) -> str:
        """Run a command that must succeed and return its output."""
        code, printed = self.run(command)
        assert code == 0, f"$ {command}\n{printed}"
        return printed

    def run(self, command: str, *, lines: int = 0) -> tuple[int, str]:
        """Run a command and return its exit code and its output.

        Args:
            command: The command.
            lines: Run it in the background, and return when it has printed this number of lines.
        """
        assert self._process.stdin
        assert self._process.stdout
        quoted = command.replace("'", "'\\''")
        background = "&" if lines else f"; echo '{MARK}'$?"
        self._process.stdin.write(f"eval '{quoted}' < /dev/null {background}\n")
        self._process.stdin.flush()
        printed: list[str] = []
        for line in self._process.stdout:
            before, mark, code = line.partition(MARK)
            printed.append(before)
            if mark:
                return int(code), "".join(printed)
            if len(printed) == lines:
                return 0, "".join(printed)
        raise AssertionError(f"The shell ended: {command}\n{''.join(printed)}")


def _variables(python: Path) -> Mapping[str, str]:
    """Return the variables of a shell without settings of this machine."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("SMAPLY")}
    inherited.pop("VIRTUAL_ENV", None)
    return {
        **inherited,
        "PATH": f"{python}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of `build_isolation`.
    }
