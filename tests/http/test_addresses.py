"""A client is held to the port, the path and the query of an address, and to its certificates."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.errors import DestinationRefused, InputError, Unreachable
from smaply_metrics_core.http import build_client
from smaply_metrics_core.models.source import Destination

from .certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Clients, Listener

    Listen = Callable[[Callable[[socket.socket], None]], Listener]

HOST = "surveys.corp"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


def at(url: str) -> Destination:
    """Return the destination of an address."""
    return Destination(kind="address", address=url)


def hello(request: httpx.Request) -> httpx.Response:
    """Return the requested URL."""
    return httpx.Response(200, text=str(request.url))


def never(request: httpx.Request) -> httpx.Response:
    """Fail the test, since no request may be sent."""
    raise AssertionError(f"{request.url} was sent")


@pytest.mark.parametrize(
    ("address", "url", "sent"),
    [
        ("https://s.corp:8443/", "/x?y=1", "https://s.corp:8443/x?y=1"),
        ("https://s.corp:8443/", "https://s.corp:8443/x", "https://s.corp:8443/x"),
        ("https://s.corp/lime/", "index.php", "https://s.corp/lime/index.php"),
        ("https://s.corp/lime", "https://s.corp/lime", "https://s.corp/lime"),
        ("https://s.corp/lime/", "https://s.corp/lime/a%20b", "https://s.corp/lime/a%20b"),
        ("https://s.corp/i.php?r=a/b", "https://s.corp/i.php?r=a/b", "https://s.corp/i.php?r=a/b"),
        ("http://10.0.0.5/", "/x", "http://10.0.0.5/x"),
        ("https://[fd00::5]:8443/", "/x", "https://[fd00::5]:8443/x"),
    ],
)
def test_requests_below_the_address_are_sent(
    clients: Clients, address: str, url: str, sent: str
) -> None:
    """Relative URLs are below the address, and absolute ones may be."""
    client = clients(hello, destinations=[at(address)])

    assert client.get(url).text == sent


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://s.corp:8443/", "https://s.corp/"),
        ("https://s.corp:8443/", "http://s.corp:8443/"),
        ("https://s.corp:8443/", "https://me:secret@s.corp:8443/"),
        ("https://s.corp/lime/", "https://s.corp/"),
        ("https://s.corp/lime/", "https://s.corp/limes"),
        ("https://s.corp/lime/", "https://s.corp/lime/../admin"),
        ("https://s.corp/lime/", "../admin"),
        ("https://s.corp/lime/", "https://s.corp/lime/%2e%2e/admin"),
        ("https://s.corp/lime/", "https://s.corp/lime/%252e%252e/admin"),
        ("https://s.corp/lime/", "https://s.corp/lime/..%2fadmin"),
        ("https://s.corp/lime/", "https://s.corp/lime/..%5cadmin"),
        ("https://s.corp/lime/", "https://s.corp/lime//admin"),
        ("https://s.corp/i.php?r=a", "https://s.corp/i.php"),
        ("https://s.corp/i.php?r=a", "https://s.corp/i.php?r=b"),
        ("https://s.corp/i.php?r=a", "https://s.corp/i.php?r=a&r=b"),
        ("https://s.corp/i.php?r=a", "https://s.corp/other.php?r=a"),
        ("http://10.0.0.5/", "https://10.0.0.5/"),
        ("http://10.0.0.5/", "http://10.0.0.6/"),
        ("http://10.0.0.5/", "http://0x0a.0.0.5/"),
        ("https://[fd00::5]/", "https://[fd00::6]/"),
    ],
)
def test_other_requests_are_not_sent(clients: Clients, address: str, url: str) -> None:
    """Another origin, path or query is rejected; the message shows what is allowed."""
    client = clients(never, destinations=[at(address)])

    with pytest.raises(DestinationRefused) as caught:
        client.get(url)

    assert address.rstrip("/") in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["http://s.corp/", "http://8.8.8.8/", "ftp://10.0.0.5/", "s.corp", "https://0/"]
)
def test_an_address_without_encryption_or_host_has_no_client(clients: Clients, url: str) -> None:
    """Plain HTTP is only possible to the IP address of a private network."""
    destinations = [at(url)]
    if destinations[0].over_http:
        with pytest.raises(DestinationRefused):
            clients(never, destinations=destinations)
    else:
        with pytest.raises(DestinationRefused, match="allow only no host"):
            clients(never, destinations=destinations).get(url if "://" in url else f"https://{url}")


def test_a_redirect_out_of_the_address_is_not_followed(clients: Clients) -> None:
    """The host of the redirect is named, and it gets no request."""

    def redirect(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "s.corp"
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    with pytest.raises(Unreachable, match=r"redirects to evil\.example"):
        clients(redirect, destinations=[at("https://s.corp/lime/")]).get("x")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority that the machine does not trust."""
    return Authority(tmp_path)


def serving(context: ssl.SSLContext, seen: list[bytes]) -> Callable[[socket.socket], None]:
    """Return a function that serves one request over TLS."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            seen.append(secured.recv(65536))
            secured.sendall(ANSWER)

    return serve


def client_of(port: int, ca_files: dict[str, Path]) -> httpx.Client:
    """Return a client with real connections to the host on a port."""
    clock = SystemClock()
    return build_client(
        [at(f"https://{HOST}:{port}/")],
        deadline=Deadline.after(60, clock),
        clock=clock,
        jitter=lambda _: 0.0,
        ca_files=ca_files,
    )


@pytest.mark.usefixtures("everything_is_local")
def test_an_own_certificate_authority_is_trusted_for_its_server(
    listen: Listen, authority: Authority
) -> None:
    """With the file of the authority, the server is reached; without it, nothing is sent."""
    seen: list[bytes] = []
    port = listen(serving(authority.server(HOST), seen)).port

    with client_of(port, {f"{HOST}:{port}": authority.file}) as client:
        assert client.get("/x").text == "hi"
    assert seen.pop().startswith(b"GET /x HTTP/1.1\r\n")

    for others in ({}, {HOST: authority.file}, {f"{HOST}:{port + 1}": authority.file}):
        with client_of(port, others) as client, pytest.raises(Unreachable, match="certificate"):
            client.get("/x")
    assert seen == []


@pytest.mark.usefixtures("everything_is_local")
def test_a_name_that_resolves_elsewhere_gets_no_request(
    listen: Listen, authority: Authority
) -> None:
    """A server with the certificate of another name of the same authority is not trusted."""
    seen: list[bytes] = []
    port = listen(serving(authority.server("other.corp"), seen)).port

    with (
        client_of(port, {f"{HOST}:{port}": authority.file}) as client,
        pytest.raises(Unreachable, match="certificate"),
    ):
        client.get("/x")
    assert seen == []


def test_a_certificate_file_that_is_gone_is_reported(authority: Authority) -> None:
    """The error is for the operator, and names the setting."""
    authority.file.unlink()

    with (
        client_of(8443, {f"{HOST}:8443": authority.file}) as client,
        pytest.raises(InputError, match="cannot be read") as caught,
    ):
        client.get("/x")
    assert "SMAPLY_METRICS_SOURCES_CA_FILES" in caught.value.remedy
