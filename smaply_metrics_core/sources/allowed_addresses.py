"""The servers beyond public hosts that the operator allows, and their certificate authorities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from smaply_metrics_core.environment import PREFIX, comma_separated
from smaply_metrics_core.http.trust import trust_only
from smaply_metrics_core.models.address import Address, is_private

ADDRESSES: Final = f"{PREFIX}SOURCES_ADDRESSES"
CA_FILES: Final = f"{PREFIX}SOURCES_CA_FILES"


def parse_addresses(text: str) -> Mapping[str, Sequence[Address]]:
    """Return the addresses in ``SMAPLY_METRICS_SOURCES_ADDRESSES`` by the id of their source.

    Raises:
        ValueError: when a pair is not of the form ``ID=URL``, or a URL is not valid.
    """
    found: dict[str, list[Address]] = {}
    for pair in comma_separated(text):
        source, _, url = (part.strip() for part in pair.partition("="))
        if not (source and url):
            raise ValueError(f"A pair in {ADDRESSES} does not have the form ID=URL")
        try:
            address = Address.parse(url)
        except ValueError as error:
            raise ValueError(f"An address for “{source}” is not valid. {error}") from None
        if address.scheme == "http" and not is_private(address.host):
            raise ValueError(
                f"The address {address.url} for “{source}” is not encrypted: plain HTTP is only "
                "possible to the IP address of a private network"
            )
        found.setdefault(source, []).append(address)
    return found


def parse_ca_files(text: str) -> Mapping[str, Path]:
    """Return the files in ``SMAPLY_METRICS_SOURCES_CA_FILES`` by ``host`` or ``host:port``.

    Raises:
        ValueError: when a pair is not of the form ``HOST:PORT=FILE``, a host is named twice, or a
            file has no certificate in PEM format.
    """
    found: dict[str, Path] = {}
    for pair in comma_separated(text):
        server, _, file = (part.strip() for part in pair.partition("="))
        if not (server and file):
            raise ValueError(f"A pair in {CA_FILES} does not have the form HOST:PORT=FILE")
        try:
            address = Address.parse(f"https://{server}")
        except ValueError:
            address = None
        if address is None or address.path != "/" or server.endswith("/") or address.query:
            raise ValueError(f"“{server}” in {CA_FILES} is not a host or HOST:PORT")
        if address.netloc in found:
            raise ValueError(f"{CA_FILES} has two files for “{address.netloc}”")
        path = Path(file)
        if not path.is_absolute():
            raise ValueError(f"The path “{file}” in {CA_FILES} is not absolute")
        try:
            trust_only(path)
        except ValueError as error:
            raise ValueError(f"The file {path} in {CA_FILES} {error}") from None
        found[address.netloc] = path
    return found
