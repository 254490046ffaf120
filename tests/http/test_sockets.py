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
    """Read a request without a body."""
    received = b""
    while b"\r\n\r\n" not in received and (block := connection.recv(65536)):
        received += block
    return received


def real_client(destination: Destination) -> httpx.Client:
    """Make a client with real connections and ten seconds."""
    clock = SystemClock()
    deadline = Deadline.after(10, clock)
    return build_client([destination], deadline=deadline, clock=clock, jitter=lambda _: 0.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the survey tool's host that nobody has signed but itself, with its key."""
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
    """Make a function that serves a connection: an optional CONNECT, TLS, one request."""
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
    """A real connection carries the secret header, our name, and brings the answer."""
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


def test_loopback_is_never_reached_through_a_proxy(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of the environment are left aside for a loopback destination."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(ANSWER)

    with real_client(listen(serve).destination) as client:
        assert client.get("/").text == "hi"


def test_nobody_listening_is_said_as_refused(listen: Listen) -> None:
    """A closed port gives a message that names the host and what happened."""
    listener = listen(lambda _: None)
    destination = listener.destination
    listener.close()

    with (
        real_client(destination) as client,
        pytest.raises(Unreachable, match=rf"^{destination.host} refused the connection: "),
    ):
        client.get("/secret-path?secret=query")


def test_a_server_that_hangs_up_is_tried_again(listen: Listen) -> None:
    """A connection closed without an answer is a failure of the network that may pass."""
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
def test_half_an_answer_is_no_answer(listen: Listen, answer: bytes) -> None:
    """A connection that ends before the body does is an error, streamed or not."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    with real_client(listen(serve).destination) as client:
        with pytest.raises(Unreachable, match="before the answer was complete"):
            client.get("/")
        with (
            client.stream("GET", "/") as response,
            pytest.raises(Unreachable, match="before the answer was complete"),
        ):
            response.read()


def test_silence_ends_at_the_timeout(listen: Listen) -> None:
    """A server that says nothing is given up when the time allowed is over."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.recv(1)  # Until the client hangs up.

    clock = SystemClock()
    destination = listen(serve).destination
    deadline = Deadline.after(0.2, clock)
    with (
        build_client([destination], deadline=deadline, clock=clock) as client,
        pytest.raises(Unreachable, match="did not answer in time"),
    ):
        client.get("/")


def test_a_certificate_nobody_signed_is_not_accepted(
    listen: Listen, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS, also through a proxy, an unknown certificate ends it before the token is sent."""
    seen: list[bytes] = []
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{listen(tls_server(certificate, seen)).port}")

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(Unreachable, match=f"certificate of {HOST} was not accepted") as caught,
    ):
        client.get("/", auth=header_auth("X-API-TOKEN", SecretStr(TOKEN)))

    assert "SSL_CERT_FILE" in caught.value.remedy
    assert [head.split(b"\r\n")[0] for head in seen] == [f"CONNECT {HOST}:443 HTTP/1.1".encode()]


def test_the_environments_proxy_and_certificates_are_used(
    listen: Listen, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS goes through HTTPS_PROXY, and SSL_CERT_FILE adds what this network trusts."""
    seen: list[bytes] = []
    port = listen(tls_server(certificate, seen)).port
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with real_client(Destination(kind="host", host=HOST)) as client:
        answer = client.get("/", auth=header_auth("X-API-TOKEN", SecretStr(TOKEN)))

    assert answer.text == "hi"
    assert TOKEN.encode() not in seen[0]
    assert TOKEN.encode() in seen[1]


def test_a_proxy_that_says_no_is_named_as_the_reason(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's refusal is told as that, without the proxy's address or password."""

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


def test_a_proxy_that_is_not_there_is_named_as_the_reason(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that nothing answers for does not look like the survey tool's fault."""
    listener = listen(lambda _: None)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.port}")
    listener.close()

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(Unreachable, match="through this machine's proxy"),
    ):
        client.get("/")


@pytest.mark.parametrize(
    "proxy", ["http://user:password@proxy.example:port", "gopher://user:password@proxy.example"]
)
def test_a_proxy_that_cannot_be_used_is_a_setting_to_mend(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """A malformed proxy address is an input error that does not repeat it."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with (
        real_client(Destination(kind="host", host=HOST)) as client,
        pytest.raises(InputError, match="proxy that the environment names") as caught,
    ):
        client.get("/")
    assert "password" not in str(caught.value)
    assert caught.value.__context__ is None


def test_which_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY comes before ALL_PROXY, and NO_PROXY before both."""
    origin = Origin("https", HOST, 443)
    assert proxy_for(origin) is None

    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    assert proxy_for(origin) == "http://all.example:1"

    monkeypatch.setenv("HTTPS_PROXY", "http://https.example:1")
    assert proxy_for(origin) == "http://https.example:1"

    monkeypatch.setenv("NO_PROXY", "qualtrics.com")
    assert proxy_for(origin) is None


def test_a_real_certificate_error_is_recognised(listen: Listen, certificate: Path) -> None:
    """What the libraries raise for an unknown certificate is told apart from other failures."""
    port = listen(tls_server(certificate, [])).port
    with (
        open_route(Origin("https", "127.0.0.1", port)) as route,
        pytest.raises(httpx.ConnectError) as caught,
    ):
        route.handle_request(httpx.Request("GET", f"https://127.0.0.1:{port}/"))

    failure = network_failure(caught.value, HOST, proxied=False)
    assert "certificate" in failure.error.message


def test_a_server_without_tls_is_recognised(listen: Listen) -> None:
    """Plain HTTP where TLS is expected gives a message about the secure connection."""

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
    assert failure.error.message == f"No secure connection to {HOST} could be made."
