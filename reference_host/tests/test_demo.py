"""The demo: links to a map with cards, and clean-up on exit."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import Browser
from reference_host.tests.test_cli import COMMAND, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DIRECT = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
"""What browsers send for a link that was opened from a terminal."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo in a temporary home."""
    process = subprocess.Popen(
        [COMMAND, "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            "TMPDIR": str(tmp_path),
            # Variables of a real installation, which the demo ignores.
            "SMAPLY_METRICS_DATABASE_URL": "postgresql://metrics@localhost:1/accounts",
            "SMAPLY_METRICS_REFRESH_EXECUTOR": "procrastinate",
        },
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.mark.deep(reason="starts the demo and waits for its cards")
def test_a_demo_prints_links_and_cleans_up(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    """It prints a link per role; SIGTERM stops its sandbox and deletes its home."""
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    links = dict(re.findall(r"(Admin|Editor|Viewer) +(http://\S+)", said))
    assert set(links) == {"Admin", "Editor", "Viewer"}, said

    with Browser(timeout=SECONDS, follow_redirects=True) as vera:
        page = vera.get(links["Viewer"], headers=DIRECT)

        assert page.url.path.startswith("/maps/")
        assert page.text.count('<article class="card') > 15

    demo.send_signal(signal.SIGTERM)
    assert demo.wait(SECONDS) == 0
    found = re.search(r"sandbox at 127\.0\.0\.1:(\d+)", said)
    assert found is not None
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", int(found[1]))),
    ):
        pass
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
