"""The address at which RemoteControl 2 of a LimeSurvey server answers."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import parse_qs, urlsplit

from smaply_metrics_core import Address

ROUTE: Final = "admin/remotecontrol"
ENTRY: Final = "index.php"
QUERY: Final = f"r={ROUTE}"


def remote_control(text: str) -> Address:
    """Return the address for calls, from a host name or the URL of any page of LimeSurvey.

    The folder of LimeSurvey is what precedes ``index.php`` or ``admin`` in the path. The route is
    in the query if that of the page is, as on servers whose ``urlFormat`` is ``get``; else it is in
    the path, as in a new installation. A server answers at one of the two forms only.

    Raises:
        ValueError: with a sentence for people, if it is not the address of a server, or if a
            password would be sent unencrypted.
    """
    page = text.partition("#")[0]
    try:
        parts = urlsplit(page if "://" in page else f"https://{page}")
    except ValueError:
        raise ValueError("The address is not valid") from None
    segments = parts.path.split("/")
    entry = next((one for one in (ENTRY, "admin") if one in segments), None)
    folder = parts.path.rstrip("/")
    if entry is not None:
        folder = "/".join(segments[: segments.index(entry)])
    by_query = segments[-1] == ENTRY and "r" in parse_qs(parts.query)
    place = f"{parts.scheme}://{parts.netloc}{folder}/{ENTRY}"
    address = Address.parse(f"{place}?{QUERY}" if by_query else f"{place}/{ROUTE}")
    if address.scheme != "https" and not (address.scheme == "http" and _is_ip(address.host)):
        raise ValueError("LimeSurvey must be reached with https, because a password is sent")
    return address


def other_form(address: Address) -> Address:
    """Return the address with the route in the path instead of the query, or the reverse."""
    if address.query:
        return address._replace(path=f"{address.path}/{ROUTE}", query="")
    return address._replace(path=address.path.removesuffix(f"/{ROUTE}"), query=QUERY)


def _is_ip(host: str) -> bool:
    """Whether a host is an IP address, of which the operator may allow one without TLS."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
