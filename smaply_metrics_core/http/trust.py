"""TLS: the certificate authorities that a server is verified with, and client certificates."""

from __future__ import annotations

import os
import re
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from smaply_metrics_core.models.source import ClientCertificate

_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----")
_LINE: Final = 64


def trust_none() -> ssl.SSLContext:
    """Return a TLS context that trusts no certificate authority, for connections without TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def trust_machine(*, shared: bool) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificate authorities of the machine.

    They are those in SSL_CERT_FILE or SSL_CERT_DIR, else those of the package certifi.

    Args:
        shared: Whether it may be the one of the whole process, which must not be changed: loading
            the authorities takes 20 ms. A replaced file is loaded again.

    Raises:
        ValueError: as ``trust_only``, about the file in SSL_CERT_FILE.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    with _reported():
        if not shared:
            return _load_machine()
        return _shared_context(file, folder, Path(file).stat().st_mtime_ns if file else 0)


def trust_only(ca_file: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts only the certificate authorities in a file.

    Raises:
        ValueError: with the end of a sentence about the file, when it cannot be read or has no
            certificate in PEM format.
    """
    with _reported():
        return ssl.create_default_context(cafile=ca_file)


def present(context: ssl.SSLContext, client: ClientCertificate) -> None:
    """Let a TLS context prove who connects.

    Python reads keys only from files: the key is written encrypted with a random password, and the
    file is removed.

    Raises:
        ValueError: with a sentence for people, when the certificate or the key is not valid, or
            they do not belong together.
    """
    from cryptography.hazmat.primitives.serialization import (  # Heavy, and rarely needed.
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )
    from cryptography.x509 import load_pem_x509_certificates

    password = client.password.get_secret_value().encode() or None
    try:
        certificates = load_pem_x509_certificates(_pem(client.certificate))
    except ValueError:
        raise ValueError("The client certificate is not in PEM format") from None
    key_text = _pem(client.key.get_secret_value())
    once = secrets.token_urlsafe(32)
    try:
        key = load_pem_private_key(key_text, password)
        encrypted = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(once.encode())
        )
    except (ValueError, TypeError):  # TypeError: a password is missing or superfluous.
        raise ValueError(
            "The key of the client certificate is not in PEM format, or its password is wrong"
        ) from None
    with TemporaryDirectory(prefix="smaply-tls-") as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        chain = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
        file.write_bytes(encrypted + chain)
        try:
            context.load_cert_chain(file, password=once)
        except ssl.SSLError:
            raise ValueError("The client certificate and its key do not belong together") from None


@lru_cache(maxsize=4)
def _shared_context(file: str | None, folder: str | None, changed: int) -> ssl.SSLContext:  # noqa: ARG001
    return _load_machine()  # Reads the same variables.


def _load_machine() -> ssl.SSLContext:
    import httpx  # Heavy, and not needed to list sources.

    return httpx.create_ssl_context()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except ssl.SSLError:
        reason = "has no certificate in PEM format"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    else:
        return
    raise ValueError(reason)


def _pem(text: str) -> bytes:
    """Return PEM text with the line breaks that it has to have."""
    if "Proc-Type:" in text:  # An older format, with headers on lines of their own.
        return text.encode()
    blocks = []
    for name, body in _PEM.findall(text):
        data = "".join(body.split())
        lines = (data[at : at + _LINE] for at in range(0, len(data), _LINE))
        blocks.append("\n".join((f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", "")))
    return "".join(blocks).encode()
