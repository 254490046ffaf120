"""Broken wheels are listed with their reasons, and healthy sources still work."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from smaply_metrics_core.hookspecs import OPTIONAL
from smaply_metrics_core.sources.loader import contract

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("wheels")]

HOOKS = [hook for hook in contract() if hook not in OPTIONAL]


def module(*, without: str = "", more: str = "") -> str:
    """Return a module with every hook except one; the hooks do nothing."""
    lines = ["from smaply_metrics_core import hookimpl"]
    for hook in HOOKS:
        if hook != without:
            lines += ["", "@hookimpl", f"def {hook}():", "    raise NotImplementedError"]
    return "\n".join([*lines, more]) + "\n"


BAD = {
    "raises": ("raise RuntimeError('no licence on this machine')\n", "no licence on this machine"),
    "misspelt": (
        module(without="list_surveys", more="\n@hookimpl\ndef list_survey():\n    return []"),
        "list_survey is not a hook. Did you mean list_surveys?",
    ),
    "lacking": (module(without="fetch_metric"), "these hooks are missing: fetch_metric"),
    "arguing": (
        module(
            without="list_questions",
            more="\n@hookimpl\ndef list_questions(credentials, survey):\n    return None",
        ),
        "list_questions takes survey",
    ),
    "double": (module(), "bad-double and bad-double-too provide the same ID"),
    "future": (module(), "requires smaply-metrics-core >=99"),
    "hollow": ("", "has no attribute 'source'"),
}


def wheel(folder: Path, name: str, source: str, *, entry: str, requires: str = "") -> Path:
    """Build the wheel of a distribution with one module and one entry point."""
    info = f"bad_{name}-1.0.dist-info"
    files = {
        f"bad_{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: bad-{name.replace('_', '-')}\n"
        f"Version: 1.0\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[smaply_metrics.sources]\n{entry}\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    path = folder / f"bad_{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def python(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with all broken wheels, our sources and the libraries."""
    home = tmp_path_factory.mktemp("bad")
    built = tmp_path_factory.mktemp("bad_wheels")
    too_new = "Requires-Dist: smaply-metrics-core>=99\n"
    wheels = [
        wheel(
            built,
            name,
            source,
            entry=f"{name} = bad_{name}{':source' if name == 'hollow' else ''}",
            requires=too_new if name == "future" else "",
        )
        for name, (source, _) in BAD.items()
    ]
    wheels.append(wheel(built, "double_too", module(), entry="double = bad_double_too"))
    venv.create(home, with_pip=False, symlinks=True)
    found = home / "bin" / "python"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(found), "install", "--quiet"),
            *("--no-deps", "--no-index", *map(str, wheels)),
        ],
        check=True,
        timeout=300,
    )
    (site,) = (home / "lib").glob("python*/site-packages")
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(root)}
    folders |= {str(folder) for folder in (root / "plugins").glob("*/src")}
    (site / "ours.pth").write_text("\n".join(sorted(folders)) + "\n", encoding="utf-8")
    return found


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in that environment without settings of this machine."""
    code = "from smaply_metrics_core.cli import main; main()"
    environment = {name: v for name, v in os.environ.items() if not name.startswith("SMAPLY")}
    return subprocess.run(
        [str(python), "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
        cwd=python.parent,
    )


def test_broken_wheels_are_listed(python: Path) -> None:
    """The list exits with 0, each broken source has its own reason, and the others are ok."""
    done = run(python, "source", "list", "--json")
    assert done.returncode == 0, done.stderr
    states = {one["id"]: one for one in json.loads(done.stdout)}
    for name, (_, reason) in BAD.items():
        assert states[name]["state"] != "ok"
        assert reason in states[name]["reason"], name
    assert len({states[name]["reason"] for name in BAD}) == len(BAD)
    assert {states[name]["state"] for name in ("csv_example", "qualtrics")} == {"ok"}


def test_a_healthy_source_still_works(python: Path, root: Path) -> None:
    """The contract tests of a healthy source pass in the same environment."""
    suite = root / "plugins" / "csv_example" / "tests" / "test_contract.py"
    done = run(python, "source", "test", f"{suite}:TestCsvExample", "--json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.mark.parametrize("name", sorted(BAD))
def test_the_doctor_prints_a_fix(python: Path, name: str) -> None:
    """The doctor prints the reason and a fix for each broken source, and exits with 1."""
    done = run(python, "source", "doctor", name)
    assert done.returncode == 1
    assert " ".join(BAD[name][1].split()) in " ".join(done.stdout.split())
    assert "Fix: " in done.stdout
