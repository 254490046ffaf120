"""A client connects only to the destinations of its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from smaply_metrics_core.errors import DestinationRefused, Unreachable
from smaply_metrics_core.http import SAFE_TO_REPEAT
from smaply_metrics_core.models.source import Destination

if TYPE_CHECKING:
    from .conftest import Clients

LOOPBACK = Destination(kind="host", host="127.0.0.1:8080", setting="SANDBOX")


def never(request: httpx.Request) -> httpx.Response:
    """Fail the test, since no request may be sent."""
    raise AssertionError(f"{request.url} was sent")


def hello(request: httpx.Request) -> httpx.Response:
    """Return the requested URL."""
    return httpx.Response(200, text=str(request.url))


@pytest.mark.parametrize(
    "url",
    [
        "http://fra1.qualtrics.com/",
        "https://fra1.qualtrics.com:8443/",
        "https://qualtrics.com/",
        "https://fra1.qualtrics.com.evil.example/",
        "https://fra1.qualtrics.com./",
        "https://evil.example/fra1.qualtrics.com",
        "https://fra1.qualtrics.com@evil.example/",
        "https://user:password@fra1.qualtrics.com/",
        "https://127.0.0.1/",
        "http://127.0.0.1:8080/",
        "ftp://fra1.qualtrics.com/",
    ],
)
def test_requests_to_other_origins_are_not_sent(clients: Clients, url: str) -> None:
    """Another scheme, host or port, or a user in the URL, is rejected before sending."""
    client = clients(never)

    with pytest.raises(DestinationRefused) as caught:
        client.get(url)

    assert "https://fra1.qualtrics.com" in caught.value.message
    assert "password" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://fra1.qualtrics.com/API/v3/whoami",
        "https://FRA1.Qualtrics.com/API/v3/whoami",
        "https://fra1.qualtrics.com:443/API/v3/whoami",
        "/API/v3/whoami",
    ],
)
def test_the_destination_is_reached(clients: Clients, url: str) -> None:
    """The host in any case, the default port, and a path alone refer to the destination."""
    assert clients(hello).get(url).text == "https://fra1.qualtrics.com/API/v3/whoami"


def test_a_source_without_hosts_cannot_send_requests(clients: Clients) -> None:
    """A folder is not a destination of requests, and there is no base URL."""
    client = clients(never, destinations=[Destination(kind="folder")])

    for url in ("https://fra1.qualtrics.com/", "/API/v3/whoami"):
        with pytest.raises(DestinationRefused, match="allow only no host"):
            client.get(url)


def test_several_hosts_are_reached(clients: Clients) -> None:
    """Each of several hosts is allowed, with full URLs."""
    hosts = [Destination(kind="host", host=host) for host in ("a.example", "b.example")]
    client = clients(hello, destinations=hosts)

    assert client.get("https://a.example/1").status_code == 200
    assert client.get("https://b.example/2").status_code == 200


def test_plain_http_is_only_for_loopback_destinations(clients: Clients) -> None:
    """A loopback destination with a setting is only reached with HTTP on its port."""
    client = clients(hello, destinations=[LOOPBACK])

    assert client.get("/x").text == "http://127.0.0.1:8080/x"
    for url in ("https://127.0.0.1:8080/", "http://127.0.0.1/", "http://localhost:8080/"):
        with pytest.raises(DestinationRefused):
            client.get(url)


@pytest.mark.parametrize(
    "destination",
    [
        Destination(kind="host", host=""),
        Destination(kind="host", host="localhost"),
        Destination(kind="host", host="127.0.0.1"),
        Destination(kind="host", host="1.2.3.4"),
        Destination(kind="host", host="a.example:8443"),
        Destination(kind="host", host="https://a.example"),
        Destination(kind="host", host="a.example/path"),
        Destination(kind="host", host="user@a.example"),
        Destination(kind="host", host="a.example."),
        Destination(kind="host", host="a.example\n"),
        Destination(kind="host", host="a" * 64 + ".example"),
        Destination(kind="host", host="a.example", setting="SANDBOX"),
        Destination(kind="host", host="127.0.0.1", setting="SANDBOX"),
        Destination(kind="host", host="127.0.0.1:0", setting="SANDBOX"),
        Destination(kind="host", host="127.0.0.1:99999", setting="SANDBOX"),
        Destination(kind="host", host="10.0.0.1:80", setting="SANDBOX"),
        Destination(kind="host", host="localhost:80", setting="SANDBOX"),
    ],
    ids=lambda destination: f"{destination.host[:20]!r}{destination.setting}",
)
def test_an_invalid_destination_is_rejected(clients: Clients, destination: Destination) -> None:
    """Only public names, and loopback addresses with a port and a setting, are allowed."""
    with pytest.raises(DestinationRefused):
        clients(never, destinations=[destination])


def test_ipv6_loopback_works(clients: Clients) -> None:
    """A loopback destination may be an IPv6 address in brackets."""
    destination = Destination(kind="host", host="[::1]:8080", setting="SANDBOX")

    assert clients(hello, destinations=[destination]).get("/x").text == "http://[::1]:8080/x"


def test_the_host_header_must_match_the_destination(clients: Clients) -> None:
    """A request with another host in its Host header is rejected."""
    with pytest.raises(DestinationRefused):
        clients(never).get("/", headers={"Host": "evil.example"})


def test_the_host_name_for_tls_cannot_be_changed(clients: Clients) -> None:
    """Request extensions for TLS and tracing are removed."""
    seen: list[dict[str, object]] = []

    def remember(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.extensions))
        return httpx.Response(200)

    clients(remember).get(
        "/", extensions={"sni_hostname": "evil.example", "trace": lambda *_: None}
    )

    assert [set(extensions) for extensions in seen] == [{"timeout", *SAFE_TO_REPEAT}]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://evil.example/login?next=secret", "evil.example"),
        ("/elsewhere", "fra1.qualtrics.com"),
        ("//evil.example", "evil.example"),
        ("https://[broken", "another address"),
        ("https://evil.example:port/", "another address"),
        (None, "fra1.qualtrics.com"),
    ],
)
def test_a_redirect_is_an_error_that_names_the_other_host(
    clients: Clients, status: int, location: str | None, named: str
) -> None:
    """A redirect is neither followed, even on request, nor retried."""
    requested: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        requested.append(request.url.host)
        return httpx.Response(status, headers={"Location": location} if location else {})

    with pytest.raises(Unreachable, match=f"redirects to {named}; ") as caught:
        clients(redirect).get("/", follow_redirects=True)

    assert requested == ["fra1.qualtrics.com"]
    assert "secret" not in caught.value.message


def test_a_next_page_on_another_host_is_rejected(clients: Clients) -> None:
    """The URL of a next page on another host, as Qualtrics sends it, is not requested."""
    other = "https://az1.qualtrics.com/API/v3/distributions?skipToken=x"

    with pytest.raises(DestinationRefused, match=r"az1\.qualtrics\.com"):
        clients(never).get(other)
