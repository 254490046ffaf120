"""A new source can be built, installed and tested from wheels."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from smaply_metrics_core.errors import AlreadyExists, InputError
from smaply_metrics_core.hookspecs import OPTIONAL
from smaply_metrics_core.sources.loader import contract
from smaply_metrics_core.testing.import_string import import_contract
from smaply_metrics_core.testing.scaffold.generator import ToolKind, write_source
from smaply_metrics_core.testing.suite.runner import run_tests

NAME = "paper_birds"
FEW_TESTS = (
    "test_the_check_passes",
    "test_wrong_credentials_are_refused",
    "test_the_list_of_surveys_is_complete",
    "test_the_numbers_are_those_of_the_account",
)
SOURCES = [kind for kind in ToolKind if kind.is_source]
HOOKS = [hook for hook in contract() if hook not in OPTIONAL]


def run(*command: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command without settings of this machine."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("SMAPLY")}
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**environment, **settings},
    )


def done(*command: str, cwd: Path) -> str:
    """Run a command that must succeed and return its output."""
    ended = run(*command, cwd=cwd)
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def build(project: Path, folder: Path) -> Path:
    """Build the wheel of a project."""
    done(
        *(sys.executable, "-m", "hatchling", "build", "--target", "wheel"),
        *("--directory", str(folder)),
        cwd=project,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def elsewhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment with the core's wheel and the libraries."""
    home = tmp_path_factory.mktemp("authors")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    install(python, build(root, tmp_path_factory.mktemp("core")))
    (site,) = (home / "lib").glob("python*/site-packages")
    folders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (site / "libraries.pth").write_text("\n".join(folders) + "\n", encoding="utf-8")
    return python.parent


def install(python: Path, wheel: Path) -> None:
    """Install one wheel without its dependencies."""
    done(
        *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
        *("--no-deps", "--no-index", "--force-reinstall", str(wheel)),
        cwd=wheel.parent,
    )


@pytest.fixture(scope="module")
def project(elsewhere: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new source that the command wrote, installed in the new environment."""
    folder = tmp_path_factory.mktemp("written")
    command = str(elsewhere / "smaply-metrics")
    done(command, "source", "new", NAME, "--output", str(folder), cwd=folder)
    install(elsewhere / "python", build(folder / NAME, tmp_path_factory.mktemp("built")))
    return folder / NAME


@pytest.mark.wheels
@pytest.mark.xdist_group("wheels")
def test_it_is_found_by_its_entry_point(elsewhere: Path, project: Path) -> None:
    """The source is listed as ok, and the doctor finds no problem."""
    command = str(elsewhere / "smaply-metrics")
    listed = json.loads(done(command, "source", "list", "--json", cwd=project))
    found = next(one for one in listed if one["id"] == NAME)
    assert (found["state"], found["title"]) == ("ok", "Paper Birds Surveys")
    assert found["distribution"] == "smaply-metrics-paper-birds"
    assert found["hooks"] == HOOKS
    done(command, "source", "doctor", NAME, cwd=project)


@pytest.mark.wheels
@pytest.mark.xdist_group("wheels")
def test_its_contract_tests_pass(elsewhere: Path, project: Path) -> None:
    """All contract tests pass offline with pytest."""
    printed = done(
        str(elsewhere / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project
    )
    assert re.search(r"\d\d passed", printed)
    assert "failed" not in printed


@pytest.mark.wheels
@pytest.mark.xdist_group("wheels")
def test_it_is_fully_typed(elsewhere: Path, project: Path) -> None:
    """Mypy reports no issues with strict settings."""
    printed = done(str(elsewhere / "python"), "-m", "mypy", "--no-incremental", cwd=project)
    assert "no issues found in 7 source files" in printed


@pytest.mark.wheels
@pytest.mark.xdist_group("wheels")
@pytest.mark.parametrize("hook", HOOKS)
def test_its_contract_tests_detect_a_broken_hook(
    elsewhere: Path, project: Path, tmp_path: Path, hook: str
) -> None:
    """A hook that raises fails the contract tests."""
    copy = Path(shutil.copytree(project, tmp_path / NAME))
    module = copy / "src" / f"smaply_metrics_{NAME}" / "source.py"
    text = module.read_text(encoding="utf-8")
    # Up to the end of the hook's docstring.
    broken, times = re.subn(
        rf'(    def {hook}\((?:.|\n)*?"""(?:.|\n)*?"""\n)',
        r"\1        raise RuntimeError\n",
        text,
        count=1,
    )
    assert times == 1
    module.write_text(broken, encoding="utf-8")
    assert failed_tests(elsewhere, copy)


@pytest.mark.wheels
@pytest.mark.xdist_group("wheels")
def test_its_contract_tests_detect_a_wrong_host(
    elsewhere: Path, project: Path, tmp_path: Path
) -> None:
    """A destination with another host fails the contract tests."""
    copy = Path(shutil.copytree(project, tmp_path / NAME))
    module = copy / "src" / f"smaply_metrics_{NAME}" / "source.py"
    text = module.read_text(encoding="utf-8")
    right, wrong = "address=credentials.server", 'address="https://elsewhere.example.com/"'
    assert right in text
    module.write_text(text.replace(right, wrong), encoding="utf-8")
    assert "test_the_check_passes" in failed_tests(elsewhere, copy)


def failed_tests(elsewhere: Path, project: Path) -> set[str]:
    """Run the contract tests of a project and return the names of failed tests."""
    ended = run(
        *(str(elsewhere / "smaply-metrics"), "source", "test", "--json"),
        "tests/test_contract.py:TestPaperBirds",
        cwd=project,
        PYTHONPATH=str(project / "src"),  # Instead of the installed package.
    )
    assert ended.returncode == 1, ended.stderr
    failed = [one for one in json.loads(ended.stdout)["tests"] if one["outcome"] == "failed"]
    assert all(one["fix"] for one in failed)
    return {one["test"] for one in failed}


@pytest.mark.parametrize("name", ["", "Paper", "paper-birds", "1st", "a__b", "../a", "x" * 41])
def test_an_invalid_name_is_rejected(tmp_path: Path, name: str) -> None:
    """A name that is not valid for a package is rejected."""
    with pytest.raises(InputError, match="is not a valid name"):
        write_source(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["core", "host"])
def test_a_reserved_name_is_rejected(tmp_path: Path, name: str) -> None:
    """The names of the framework's own packages are reserved."""
    with pytest.raises(InputError, match="is a reserved name"):
        write_source(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", SOURCES)
def test_a_name_may_contain_that_of_the_template(tmp_path: Path, kind: ToolKind) -> None:
    """A name that contains the template's name is replaced only once, in each kind of source."""
    written = write_source("acme_api_acme", tmp_path / "new", kind)
    for path in written:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    assert "class AcmeApiAcmeApi:" in text_of(written, "api.py")
    assert 'name = "smaply-metrics-acme-api-acme"' in text_of(written, "pyproject.toml")
    assert 'acme_api_acme = "smaply_metrics_acme_api_acme:' in text_of(written, "pyproject.toml")


@pytest.mark.parametrize("kind", SOURCES)
def test_a_new_source_reads_its_fake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ToolKind
) -> None:
    """Each kind passes a few contract tests; the others run from wheels."""
    name = f"birds_{kind}"
    write_source(name, tmp_path / name, kind)
    monkeypatch.setattr(sys, "path", [str(tmp_path / name / "src"), *sys.path])
    test_file = tmp_path / name / "tests" / "test_contract.py"
    with import_contract(f"{test_file}:TestBirds{kind.title()}") as facts:
        source = importlib.import_module(f"smaply_metrics_{name}").source
        results = run_tests(type("Birds", (facts,), {"source": source}), FEW_TESTS)
        assert [(one.outcome, one.message) for one in results] == [("passed", "")] * len(FEW_TESTS)


def test_a_mapping_reads_its_database(tmp_path: Path) -> None:
    """For a database, a mapping is written that passes contract tests with the source sql."""
    written = write_source("bird_house", tmp_path / "bird_house", ToolKind.SQL)
    assert {str(path.relative_to(tmp_path / "bird_house")) for path in written} == {
        "README.md",
        "mapping.yaml",
        "pyproject.toml",
        "requirements.txt",
        "tests/responses.sql",
        "tests/test_contract.py",
    }
    assert "name: Visits to Bird House" in text_of(written, "mapping.yaml")
    test_file = tmp_path / "bird_house" / "tests" / "test_contract.py"
    with import_contract(f"{test_file}:TestBirdHouse") as facts:
        results = run_tests(facts, FEW_TESTS)
        assert [(one.outcome, one.message) for one in results] == [("passed", "")] * len(FEW_TESTS)


@pytest.mark.deep(reason="the whole contract suite")
def test_a_mapping_passes_all_contract_tests(tmp_path: Path) -> None:
    """The tests of a new mapping pass as pytest runs them."""
    write_source("bird_house", tmp_path / "bird_house", ToolKind.SQL)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    printed = done(*command, cwd=tmp_path / "bird_house")
    assert re.search(r"\d\d passed", printed)
    assert "failed" not in printed


def text_of(written: tuple[Path, ...], name: str) -> str:
    """Return the text of one of the written files."""
    return next(one for one in written if one.name == name).read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_rejected(tmp_path: Path) -> None:
    """The message has the reason of the operating system."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        write_source("paper_birds", tmp_path / "file" / "paper_birds")


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    """An existing folder is rejected and not changed."""
    with pytest.raises(AlreadyExists):
        write_source(NAME, tmp_path)
    assert list(tmp_path.iterdir()) == []
