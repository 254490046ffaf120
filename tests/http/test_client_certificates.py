"""A client certificate proves to a server who connects."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.errors import InputError, MetricsError
from smaply_metrics_core.http import build_client
from smaply_metrics_core.models.source import ClientCertificate, Destination

from .certificates import Authority
from .test_addresses import HOST, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .conftest import Listener

    Listen = Callable[[Callable[[socket.socket], None]], Listener]

PASSWORD = "a pass phrase"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority of the server and of the client."""
    return Authority(tmp_path)


def fetch(port: int, authority: Authority, client: ClientCertificate | None) -> str:
    """Return what a server answers to a client with this certificate."""
    clock = SystemClock()
    with build_client(
        [Destination(kind="address", address=f"https://{HOST}:{port}/", client_certificate=client)],
        deadline=Deadline.after(60, clock),
        clock=clock,
        jitter=lambda _: 0.0,
        ca_files={f"{HOST}:{port}": authority.file},
    ) as connected:
        return connected.get("/x").text


def mutual(authority: Authority) -> ssl.SSLContext:
    """Return the context of a server that requires a certificate of the authority."""
    context = authority.server(HOST)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.usefixtures("everything_is_local")
@pytest.mark.parametrize("password", ["", PASSWORD])
@pytest.mark.parametrize("join", ["\n", " "], ids=["lines", "one line of a form"])
def test_a_server_accepts_the_client(
    listen: Listen, authority: Authority, password: str, join: str
) -> None:
    """The certificate and its key are used as entered, also when a form has joined their lines."""
    seen: list[bytes] = []
    port = listen(serving(mutual(authority), seen)).port
    certificate, key = (join.join(pem.split("\n")) for pem in authority.issue("me", password))

    client = ClientCertificate(
        certificate=certificate, key=SecretStr(key), password=SecretStr(password)
    )
    assert fetch(port, authority, client) == "hi"

    with pytest.raises(MetricsError):
        fetch(port, authority, None)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"certificate": "nothing"}, "not in PEM format"),
        ({"key": SecretStr("nothing")}, "its password is wrong"),
        ({"password": SecretStr("wrong")}, "its password is wrong"),
        ({"password": SecretStr("")}, "its password is wrong"),
        ({"key": "other"}, "do not belong together"),
    ],
)
def test_an_invalid_certificate_is_reported(
    authority: Authority, change: dict[str, object], reason: str
) -> None:
    """The message says which part is wrong and repeats none of it; nothing is sent."""
    certificate, key = authority.issue("me", PASSWORD)
    if change.get("key") == "other":
        change = {"key": SecretStr(authority.issue("other", PASSWORD)[1])}
    client = ClientCertificate(
        certificate=certificate, key=SecretStr(key), password=SecretStr(PASSWORD)
    ).model_copy(update=change)

    with pytest.raises(InputError, match=reason) as caught:
        fetch(443, authority, client)
    assert "PRIVATE" not in str(caught.value)
    assert "PRIVATE" not in repr(client)


@pytest.mark.usefixtures("everything_is_local")
def test_no_key_stays_on_disk(
    listen: Listen,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file that Python needs is encrypted with a password of its own, and removed."""
    folder = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    written: list[bytes] = []
    load = ssl.SSLContext.load_cert_chain

    def remember(self: ssl.SSLContext, file: Path, **options: str) -> None:
        written.append(file.read_bytes())
        assert file.stat().st_mode & 0o077 == 0
        load(self, file, **options)

    certificate, key = authority.issue("me")
    context = mutual(authority)
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", remember)
    fetch(
        listen(serving(context, [])).port,
        authority,
        ClientCertificate(certificate=certificate, key=SecretStr(key)),
    )

    assert b"ENCRYPTED PRIVATE KEY" in written[0]
    assert list(folder.iterdir()) == []
