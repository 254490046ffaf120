"""Starts the apps of ``examples/`` as their users do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
SECONDS: Final = 120

COMMANDS: Final = {
    "django_app": ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    "flask_app": (
        *("-m", "gunicorn", "--config", "gunicorn_conf.py"),
        *("--bind", "127.0.0.1:{port}", "app:app"),
    ),
    "fastapi_app": ("-m", "uvicorn", "--port", "{port}", "app:app"),
}


@dataclass
class RunningExample:
    """An app that answers."""

    url: str

    def get(self, path: str, status: int = 200) -> Any:  # noqa: ANN401  # JSON.
        """Return the JSON of a page."""
        response = httpx.get(f"{self.url}{path}", timeout=SECONDS)
        assert response.status_code == status, response.text
        return response.json()


@contextmanager
def running_example(name: str, environment: dict[str, str], log: Path) -> Iterator[RunningExample]:
    """Start an app, and stop it as a supervisor does; raise unless it ends well."""
    port = free_port()
    command = [sys.executable, *(part.format(port=port) for part in COMMANDS[name])]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SMAPLY")}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=EXAMPLES / name,
            env={**inherited, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_open(server, port, log)
            yield RunningExample(f"http://127.0.0.1:{port}")
        finally:
            server.send_signal(signal.SIGINT if name == "django_app" else signal.SIGTERM)
            try:
                server.wait(SECONDS)
            finally:
                server.kill()
    text = log.read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in text, text


def _wait_until_open(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text(encoding="utf-8")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the app did not start")
