"""The client on real sockets: loopback, TLS, and a proxy."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.errors import InputError, Unreachable
from smaply_metrics_core.http import build_client, header_auth
from smaply_metrics_core.http.error_mapping import network_failure
from smaply_metrics_core.http.origin import Origin, open_route, proxy_for
from smaply_metrics_core.models.source import Destination

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Listener

    Listen = Callable[[Callable[[socket.socket], None]], Listener]

HOST = "fra1.qualtrics.com"
TOKEN = "wire-token-0123456789"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

pytestmark = pytest.mark.usefixtures("no_proxies")


def read_head(connection: socket.socket) -> bytes:
    """Return the head of a request."""
    received = b""
    while b"\r\n\r\n" not in received and (block := connection.recv(65536)):
        received += block
    return received


def real_client(destination: Destination) -> httpx.Client:
    """Return a client with real connections and a deadline of ten seconds."""
    clock = SystemClock()
    deadline = Deadline.after(10, clock)
    return build_client([destination], deadline=deadline, clock=clock, jitter=lambda _: 0.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for the survey tool's host, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def tls_server(certificate: Path, seen: list[bytes]) -> Callable[[socket.socket], None]:
    """Return a function that serves a connection: an optional CONNECT, TLS, one request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        if connection.recv(7, socket.MSG_PEEK) == b"CONNECT":
            seen.append(read_head(connection))
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as secured:
            seen.append(read_head(secured))
            secured.sendall(ANSWER)

    return serve


def test_a_request_reaches_a_loopback_server(listen: Listen) -> None:
    """The request has the secret header and our user agent, and the response is returned."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_head(connection).lower())
        connection.sendall(ANSWER)

    with real_client(listen(serve).destination) as client:
        answer = client.get("/x?y=1", auth=header_auth("X-API-TOKEN", SecretStr(TOKEN)))

    assert answer.text == "hi"
    assert seen[0].startswith(b"get /x?y=1 http/1.1\r\n")
    assert f"x-api-token: {TOKEN}".encode() in seen[0]
    assert b"user-agent: smaply-metrics/" in seen[0]


def test_loopback_never_uses_a_proxy(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are ignored for loopback destinations."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(ANSWER)

    with real_client(listen(serve).destination) as client:
        assert client.get("/").text == "hi"


def test_a_closed_port_is_reported_as_refused(listen: Listen) -> None:
    """The message for a closed port names the host and the cause."""
    listener = listen(lambda _: None)
    destination = listener.destination
    listener.close()

    with (
        real_client(destination) as client,
        pytest.raises(Unreachable, match=rf"^{destination.host} refused the connection\."),
    ):
        client.get("/secret-path?secret=query")


def test_a_connection_closed_without_a_response_is_retried(listen: Listen) -> None:
    """A connection that is closed without a response is a temporary network failure."""
    tries: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        tries.append(read_head(connection))
        if len(tries) == 3:
            connection.sendall(ANSWER)

    with real_client(listen(serve).destination) as client:
        assert client.get("/").text == "hi"
    assert len(tries) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ids=["length", "chunked"],
)
def test_an_incomplete_response_is_an_error(listen: Listen, answer: bytes) -> None:
    """A connection that closes before the body is complete is an error, streamed or not."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    with real_client(listen(serve).destination) as client:
        with pytest.raises(Unreachable, match="before the response was complete"):
            client.get("/")
        with (
            client.stream("GET", "/") as response,
            pytest.raises(Unreachable, match="before the response was complete"),
        ):
            response.read()


def test_a_server_without_a_response_times_out(listen: Listen) -> None:
    """A request to a server that never responds ends at the deadline."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.recv(1)  # Until the client disconnects.

    clock = SystemClock()
    destination = listen(serve).destination
    deadline = Deadline.after(0.2, clock)
    with (
        build_client([destination], deadline=deadline, clock=clock) as client,
        pytest.raises(Unreachable, match="did not answer in time"),
    ):
        client.get("/")


def test_a_self_signed_certificate_is_rejected(
    listen: Listen, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An untrusted certificate is rejected before the token is sent, also through a proxy."""
    seen: list[bytes] = []
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{listen(tls_server(certificate, seen)).port}")

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(Unreachable, match=f"certificate of {HOST} is not valid") as caught,
    ):
        client.get("/", auth=header_auth("X-API-TOKEN", SecretStr(TOKEN)))

    assert "SSL_CERT_FILE" in caught.value.remedy
    assert [head.split(b"\r\n")[0] for head in seen] == [f"CONNECT {HOST}:443 HTTP/1.1".encode()]


def test_the_environments_proxy_and_certificates_are_used(
    listen: Listen, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS requests use HTTPS_PROXY and the certificates in SSL_CERT_FILE."""
    seen: list[bytes] = []
    port = listen(tls_server(certificate, seen)).port
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with real_client(Destination(kind="host", host=HOST)) as client:
        answer = client.get("/", auth=header_auth("X-API-TOKEN", SecretStr(TOKEN)))

    assert answer.text == "hi"
    assert TOKEN.encode() not in seen[0]
    assert TOKEN.encode() in seen[1]


def test_a_refusal_of_the_proxy_is_reported(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the proxy as the cause, without its address and password."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    port = listen(serve).port
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:password@127.0.0.1:{port}")

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(Unreachable, match="proxy refused") as caught,
    ):
        client.get("/")
    assert "127.0.0.1" not in caught.value.message
    assert "password" not in caught.value.message


def test_an_unreachable_proxy_is_reported(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be reached is not reported as a failure of the survey tool."""
    listener = listen(lambda _: None)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.port}")
    listener.close()

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(Unreachable, match="through the proxy"),
    ):
        client.get("/")


@pytest.mark.parametrize(
    "proxy", ["http://user:password@proxy.example:port", "gopher://user:password@proxy.example"]
)
def test_an_invalid_proxy_is_an_input_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """The error for a malformed proxy address does not repeat it."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(InputError, match=r"The proxy for .* is not valid") as caught,
    ):
        client.get("/")
    assert "password" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_precedence_of_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY overrides ALL_PROXY, and NO_PROXY overrides both."""
    origin = Origin("https", HOST, 443)
    assert proxy_for(origin) is None

    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    assert proxy_for(origin) == "http://all.example:1"

    monkeypatch.setenv("HTTPS_PROXY", "http://https.example:1")
    assert proxy_for(origin) == "http://https.example:1"

    monkeypatch.setenv("NO_PROXY", "qualtrics.com")
    assert proxy_for(origin) is None


def test_a_real_certificate_error_is_recognised(listen: Listen, certificate: Path) -> None:
    """The exception of the libraries for an untrusted certificate is recognised."""
    port = listen(tls_server(certificate, [])).port
    with (
        open_route(Origin("https", "127.0.0.1", port)) as route,
        pytest.raises(httpx.ConnectError) as caught,
    ):
        route.handle_request(httpx.Request("GET", f"https://127.0.0.1:{port}/"))

    failure = network_failure(caught.value, HOST, proxied=False)
    assert "certificate" in failure.error.message


def test_a_server_without_tls_is_recognised(listen: Listen) -> None:
    """A server that sends plain HTTP instead of TLS is reported as a TLS failure."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    port = listen(serve).port
    with (
        open_route(Origin("https", "127.0.0.1", port)) as route,
        pytest.raises(httpx.ConnectError) as caught,
    ):
        route.handle_request(httpx.Request("GET", f"https://127.0.0.1:{port}/"))

    failure = network_failure(caught.value, HOST, proxied=False)
    assert failure.error.message == f"The TLS connection to {HOST} failed."
