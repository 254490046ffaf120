"""The systemd units, and what they and the image promise: no root, and a read-only file system."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from reference_host.tests.deploy.deploy_files import DEPLOY, require_program
from tests.http_clients import PLAIN_HTTP

UNITS: Final = sorted((DEPLOY / "systemd").glob("*.service"))
COMMANDS: Final = ("smaply-metrics-host", "smaply-metrics")
USER: Final = 10001
SECONDS: Final = 180.0


def lines(unit: Path) -> set[str]:
    """Return the settings of a unit."""
    return set(unit.read_text(encoding="utf-8").splitlines())


def test_there_is_a_unit_for_the_host_and_one_for_workers() -> None:
    """Their commands exist, and get their secrets from a file that is not in the unit."""
    assert [unit.stem for unit in UNITS] == ["smaply-metrics-host", "smaply-metrics-worker"]
    for unit, command in zip(UNITS, COMMANDS, strict=True):
        text = unit.read_text(encoding="utf-8")
        assert f"ExecStart=/opt/smaply-metrics/bin/{command} " in text
        assert Path(sys.executable).with_name(command).exists()
        assert "EnvironmentFile=/etc/smaply-metrics/environment" in lines(unit)


@pytest.mark.deep(reason="systemd is installed for these tests only")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` finds no unknown setting and no invalid value."""
    verify = require_program("systemd-analyze", "systemd")
    copy = tmp_path / unit.name
    # The program of the unit is not installed here; any that exists is valid.
    text = re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", unit.read_text("utf-8"))
    copy.write_text(text, encoding="utf-8")

    done = subprocess.run(
        [verify, "verify", str(copy)], capture_output=True, text=True, check=False
    )

    assert unit.name not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_unit_may_write_only_to_its_state(unit: Path) -> None:
    """The rest of the file system is read-only, and it cannot gain privileges."""
    assert {
        "User=smaply-metrics",
        "StateDirectory=smaply-metrics",
        "ProtectSystem=strict",
        "ProtectHome=true",
        "PrivateTmp=true",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
    } <= lines(unit)


@pytest.mark.deep(reason="serves in a process of its own")
def test_the_host_runs_without_root_on_a_read_only_file_system(tmp_path: Path) -> None:
    """It writes only to its home and to ``/tmp``: it starts, is ready, and draws charts."""
    command = [require_program("bwrap", "Debian's bubblewrap"), "--die-with-parent"]
    command += [
        "--unshare-user",
        "--unshare-pid",
        "--uid",
        str(USER),
        "--gid",
        str(USER),
        "--cap-drop",
        "ALL",
    ]
    command += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    command += ["--tmpfs", "/tmp", "--bind", str(tmp_path), "/var/lib"]  # noqa: S108  # Of the sandbox.
    for path in sorted({Path(sys.prefix), Path(sys.base_prefix), DEPLOY.parent}):
        command += ["--ro-bind", str(path), str(path)]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"bubblewrap cannot create namespaces here: {tried.stderr.strip()}")
    refused = [*command, "sh", "-c", "id --user; touch /etc/x /opt/x"]
    tried = subprocess.run(refused, capture_output=True, text=True, check=False)
    assert (tried.returncode, tried.stdout) == (1, f"{USER}\n")

    host = str(Path(sys.executable).with_name("smaply-metrics-host"))
    process = subprocess.Popen(
        [*command, host, "serve", "--home", "/var/lib/home", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        ready = httpx.get(f"{found[0]}/readyz", verify=PLAIN_HTTP, timeout=SECONDS)
        script = httpx.get(f"{found[0]}/charts/vega.js", verify=PLAIN_HTTP, timeout=SECONDS)
        assert ready.json()["ready"], ready.text
        assert script.status_code == 200
        assert (tmp_path / "home" / "store.db").exists()
    finally:
        process.terminate()
        process.communicate()
