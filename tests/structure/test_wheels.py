"""Wheels and sdists are built, installed in a new environment and tested."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.extras import PURPOSES

if TYPE_CHECKING:
    from .conftest import Distribution

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("wheels")]


def run(*command: str, cwd: Path) -> str:
    """Run a command that must succeed and return its output."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done}"
    return done.stdout


def build(target: str, project: Path, folder: Path) -> None:
    """Build the sdist or the wheel of a project."""
    command = (sys.executable, "-m", "hatchling", "build", "--target", target)
    run(*command, "--directory", str(folder), cwd=project)


@pytest.fixture(scope="module")
def sdists(
    distributions: list[Distribution], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The sdist of each distribution, by name."""
    built: dict[str, Path] = {}
    for distribution in distributions:
        folder = tmp_path_factory.mktemp("sdist")
        build("sdist", distribution.project, folder)
        (built[distribution.name],) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheels(sdists: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution, by name, built from its sdist."""
    built: dict[str, Path] = {}
    for name, sdist in sdists.items():
        folder = tmp_path_factory.mktemp("wheel")
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (project,) = folder.iterdir()
        build("wheel", project, folder)
        (built[name],) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment with our wheels and the locked libraries.

    A `.pth` file adds the libraries of the test environment to the path. Python does not read the
    `.pth` files in an added folder, so the editable installs of the source tree are not visible.
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


def test_an_sdist_contains_only_its_package(
    distributions: list[Distribution], sdists: dict[str, Path]
) -> None:
    """An sdist contains the package, LICENSE, README and metadata."""
    for distribution in distributions:
        with tarfile.open(sdists[distribution.name]) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        package = distribution.package.relative_to(distribution.project).as_posix()
        others = {name for name in names if not name.startswith(f"{package}/")}

        assert f"{package}/__init__.py" in names
        assert {"LICENSE", "PKG-INFO", "pyproject.toml"} <= others, distribution.name
        assert others <= {"LICENSE", "PKG-INFO", "pyproject.toml", "README.md", ".gitignore"}


def test_a_wheel_contains_each_file_of_its_package(
    distributions: list[Distribution], wheels: dict[str, Path]
) -> None:
    """A wheel contains all files of its package, including data files, and no others."""
    for distribution in distributions:
        with zipfile.ZipFile(wheels[distribution.name]) as archive:
            names = archive.namelist()
        packed = {name for name in names if ".dist-info/" not in name}
        written = {
            file.relative_to(distribution.package.parent).as_posix()
            for file in distribution.package.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        } - {"smaply_metrics_core/README.md"}  # Part of the metadata.

        assert f"{distribution.package.name}/py.typed" in packed
        assert packed == written, distribution.name
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
        folders = {part for name in packed - scaffold_of(packed) for part in name.split("/")[:-1]}
        assert folders & {"tests", "mutants", "sandbox"} == set(), distribution.name


def scaffold_of(names: set[str]) -> set[str]:
    """Return the template files of `source new`, which include tests."""
    return {name for name in names if "/testing/scaffold/tree/" in name}


def test_an_index_accepts_the_metadata(wheels: dict[str, Path], sdists: dict[str, Path]) -> None:
    """`twine check --strict` accepts each wheel and each sdist."""
    files = [str(file) for file in (*wheels.values(), *sdists.values())]
    command = (sys.executable, "-m", "twine", "--no-color", "check", "--strict")

    out = run(*command, *files, cwd=Path(files[0]).parent)

    assert out.count("PASSED") == len(files) == 16


def test_the_metadata_names_the_licence_and_the_readme(wheels: dict[str, Path]) -> None:
    """Each wheel has the licence, the authors and a description."""
    for name, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            (path,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
            text = archive.read(path).decode()
        assert "License-Expression: Apache-2.0\n" in text, name
        assert "License-File: LICENSE\n" in text, name
        assert "Author: the Smaply Metrics authors\n" in text, name
        assert f"\n# {name}\n" in text, name


def test_the_packages_come_from_the_wheels(
    elsewhere: Path, distributions: list[Distribution]
) -> None:
    """The new environment uses the packages in the wheels, not in the source tree."""
    for distribution in distributions:
        name = distribution.package.name
        found = run(
            str(elsewhere / "python"), "-c", f"import {name}; print({name}.__file__)", cwd=elsewhere
        )
        assert found.startswith(str(elsewhere.parent)), name


def test_the_command_runs_from_the_wheels(elsewhere: Path, tmp_path: Path) -> None:
    """`smaply-metrics source list`, installed from wheels, lists both sources as ok."""
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


CORE_ONLY = """
import smaply_metrics_core, smaply_metrics_core.calculations, smaply_metrics_core.charts
import smaply_metrics_core.http
from pathlib import Path
from smaply_metrics_core.host import Actor, MetricsHost, Role, Settings

settings = Settings.from_environment(Path("home"), {}, account="acme")
with MetricsHost(settings) as host:
    print(host.cards.load(Actor("acme", "vera", Role.VIEWER)))
"""
"""A program that works without extras: the public modules except `testing`, and a host."""

MISSING = {
    "charts": "import smaply_metrics_core.charts as charts; charts.browser_bundle()",
    "cli": "from smaply_metrics_core.cli import main; main()",
    "files": """
import io
from smaply_metrics_core.files import read_file_table
read_file_table(io.BytesIO("date;city\\n2026-01-31;Москва".encode("cp1251")))
""",
    "postgresql": """
from sqlalchemy import make_url
from smaply_metrics_core.host.store.engine import make_engine
make_engine(make_url("postgresql+psycopg://user@127.0.0.1/none"), 2)
""",
    "pandas": "from smaply_metrics_core.host import value_table; value_table([]).to_pandas()",
    "telemetry": """
from smaply_metrics_core.host.telemetry import enable_telemetry
enable_telemetry()
""",
    "testing": "from smaply_metrics_core.testing import record",
    "worker": """
from smaply_metrics_core.host.refresh.procrastinate_queue import require_procrastinate
require_procrastinate()
""",
}
"""A program that requires each extra."""


def run_core_only(elsewhere: Path, program: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with only the core's wheel and its required dependencies."""
    script = Path(__file__).with_name("core_only.py")
    return subprocess.run(
        [str(elsewhere / "python"), str(script), program],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_core_works_without_extras(elsewhere: Path, tmp_path: Path) -> None:
    """A host without extras opens its store and loads cards."""
    done = run_core_only(elsewhere, CORE_ONLY, tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "()\n"


@pytest.mark.parametrize("extra", sorted(PURPOSES))
def test_a_missing_extra_is_named(elsewhere: Path, tmp_path: Path, extra: str) -> None:
    """A call that requires an extra fails with an error that names the extra."""
    done = run_core_only(elsewhere, MISSING[extra], tmp_path)

    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    assert f"smaply-metrics-core[{extra}]" in done.stderr, done.stderr
