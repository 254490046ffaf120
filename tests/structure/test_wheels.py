"""What we ship works without the source tree: wheels are built, installed elsewhere and run."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Distribution

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("wheels")]


def run(*command: str, cwd: Path) -> str:
    """Run a command, show all of what it said when it fails, and give its output."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(
    distributions: list[Distribution], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Their wheels, freshly built, by the name of their distribution."""
    built: dict[str, Path] = {}
    for distribution in distributions:
        folder = tmp_path_factory.mktemp("wheel")
        run(
            *(sys.executable, "-m", "hatchling", "build", "--target", "wheel"),
            *("--directory", str(folder)),
            cwd=distribution.project,
        )
        (built[distribution.name],) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment that holds our wheels and sees the locked libraries.

    The libraries come from the environment of the tests, by a line in a `.pth` file: such a line
    adds a folder to the path without reading the `.pth` files in it, so the editable installs of
    the source tree stay out of sight.
    """
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
        *("--no-deps", "--no-index", *map(str, wheels.values())),
        cwd=home,
    )
    site = run(str(python), "-c", "import sysconfig as s; print(s.get_path('purelib'))", cwd=home)
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(site.strip()) / "locked_libraries.pth").write_text(
        "".join(f"{folder}\n" for folder in sorted(libraries)), encoding="utf-8"
    )
    return python.parent


def test_a_wheel_holds_each_file_of_its_package(
    distributions: list[Distribution], wheels: dict[str, Path]
) -> None:
    """Migrations, `py.typed` and other data files are in the wheels, and nothing else is."""
    for distribution in distributions:
        with zipfile.ZipFile(wheels[distribution.name]) as archive:
            packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        written = {
            file.relative_to(distribution.package.parent).as_posix()
            for file in distribution.package.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }

        assert f"{distribution.package.name}/py.typed" in packed
        assert packed == written, distribution.name


def test_the_packages_come_from_the_wheels(
    elsewhere: Path, distributions: list[Distribution]
) -> None:
    """In the new environment our packages are those of the wheels, not of the source tree."""
    for distribution in distributions:
        name = distribution.package.name
        found = run(
            str(elsewhere / "python"), "-c", f"import {name}; print({name}.__file__)", cwd=elsewhere
        )
        assert found.startswith(str(elsewhere.parent)), name


def test_the_command_runs_from_the_wheels(elsewhere: Path, tmp_path: Path) -> None:
    """`smaply-metrics source list --json`, installed from wheels, finds both sources in order."""
    command = [
        str(elsewhere / "smaply-metrics"),
        "source",
        "list",
        "--json",
        "--home",
        str(tmp_path),
    ]
    out = run(*command, cwd=tmp_path)

    sources = {source["id"]: source for source in json.loads(out)}
    ours = ("csv_example", "qualtrics")
    assert {name: sources[name]["state"] for name in ours} == dict.fromkeys(ours, "ok")
    assert sources["qualtrics"]["distribution"] == "smaply-metrics-qualtrics"
    assert sources["csv_example"]["distribution"] == "smaply-metrics-csv-example"
