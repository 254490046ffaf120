"""``source new --kind`` and ``source serve``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest

from plugins.csv_example.tests.test_contract import TestCsvExample as Files
from plugins.form_garden.tests.test_contract import TestFormGarden as Garden
from smaply_metrics_core.cli.commands import source_start
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.testing.local_server import LocalServer, local_server
from tests.cli.conftest import Command


def is_login(folder: Path) -> bool:
    """Whether the source in a folder is that of a tool with a login."""
    return (folder / "tests" / "test_refusals.py").exists()


@pytest.mark.parametrize("answer", ["login", "rest", ""])
def test_a_terminal_prompts_for_the_kind(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """The answer selects the template; the default is a REST API."""
    monkeypatch.setattr(source_start, "at_a_terminal", lambda: True)
    ended = command("source", "new", "birds", "--output", str(tmp_path), stdin=f"{answer}\n")

    assert ended.code == 0
    assert "rest (REST with a token), login (login sessions)" in ended.err
    assert is_login(tmp_path / "birds") is (answer == "login")


def test_an_unknown_kind_is_prompted_for_again(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written before there is an answer."""
    monkeypatch.setattr(source_start, "at_a_terminal", lambda: True)
    ended = command("source", "new", "birds", "--output", str(tmp_path), stdin="graphql\n")

    assert ended.code == 130  # Standard input ended.
    assert "'graphql' is not one of 'rest', 'login'" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_programs_are_not_prompted(command: Command, tmp_path: Path) -> None:
    """With JSON, or without a terminal, the default and the option apply."""
    command.done("source", "new", "birds", "--output", str(tmp_path))
    command.done("source", "new", "bees", "--kind", "login", "--output", str(tmp_path))

    assert not is_login(tmp_path / "birds")
    assert is_login(tmp_path / "bees")


def test_a_source_of_files_cannot_be_served(command: Command) -> None:
    """The contract class has no server."""
    ended = command(
        "source", "serve", "plugins.csv_example.tests.test_contract:TestCsvExample", "--json"
    )

    assert ended.code == 1
    assert ended.error["message"] == "TestCsvExample has no server."


def test_credentials_without_a_server_are_rejected() -> None:
    """A source of files has no address, whatever the fact `server` is."""
    contract = type("Served", (Files,), {"server": Garden.server})
    with pytest.raises(InputError, match="lead to no server"), local_server(contract):
        pass


def test_a_port_in_use_is_rejected() -> None:
    """The remedy names the option."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        with pytest.raises(InputError) as caught, local_server(Garden, port):
            pass
    assert "--port" in caught.value.remedy


def echo(request: httpx.Request) -> httpx.Response:
    """Return what was received; one path has no answer."""
    if request.url.path == "/garden/down":
        raise httpx.ConnectError("down")
    text = f"{request.method} {request.url} {request.content!r} {request.headers['x-key']}"
    return httpx.Response(201, text=text, headers={"x-answer": "yes"})


@pytest.fixture
def served() -> Iterator[LocalServer]:
    """The server of a contract class whose credentials have a path."""
    facts = {
        "server": staticmethod(echo),
        "credentials": {**Garden.credentials, "server": "https://a.example.com/garden/"},
    }
    with local_server(type("Served", (Garden,), facts)) as server:
        thread = Thread(target=server.listener.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.listener.shutdown()
        thread.join()


def test_the_fake_receives_requests_as_if_sent_to_the_destination(served: LocalServer) -> None:
    """Method, path, query, headers and body are passed on, and the response is returned."""
    with httpx.Client(base_url=served.url, headers={"x-key": "k"}) as client:
        posted = client.post("forms?page=2", content=b"body")
        head = client.head("forms")

    assert served.source == "form_garden"
    assert posted.text == "POST https://a.example.com/garden/forms?page=2 b'body' k"
    assert (posted.status_code, posted.headers["x-answer"]) == (201, "yes")
    assert (head.status_code, head.content) == (201, b"")


def test_a_network_error_of_the_fake_closes_the_connection(served: LocalServer) -> None:
    """The client sees a network error, too."""
    with httpx.Client(base_url=served.url) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("down")
