"""The origins (scheme, host, port) of destinations, and connections to them."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

from smaply_metrics_core.errors import DestinationRefused, InputError
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.models.source import Destination

HTTPS_PORT: Final = 443
_LABEL: Final = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_LONGEST_NAME: Final = 253
_PUBLIC_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")


class Origin(NamedTuple):
    """The scheme, host and port of a request, which must all match a destination."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of_url(cls, url: httpx.URL) -> Origin:
        """Return the origin that a request to this URL connects to."""
        port = url.port or (HTTPS_PORT if url.scheme == "https" else 80)
        return cls(url.scheme, url.raw_host.decode("ascii"), port)

    @classmethod
    def of_destination(cls, destination: Destination) -> Origin:
        """Return the origin of a host destination.

        Raises:
            DestinationRefused: when it is neither a public host name nor, with a setting, a
                loopback address with a port.
        """
        if destination.setting:
            return cls("http", *_loopback(destination))
        host = destination.host.lower()
        if not _PUBLIC_NAME.fullmatch(host) or len(host) > _LONGEST_NAME or _is_address(host):
            raise DestinationRefused(
                f"“{destination.host}” is not a public host name.",
                remedy="Enter only a public host name, such as iad1.qualtrics.com, without scheme, "
                "port or path.",
            )
        return cls("https", host, HTTPS_PORT)

    @property
    def url(self) -> str:
        """The origin as a URL, without the default port of HTTPS."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.scheme == "https" and self.port == HTTPS_PORT
        return f"{self.scheme}://{host}" if usual else f"{self.scheme}://{host}:{self.port}"

    @property
    def label(self) -> str:
        """The origin for people: the host, with the port unless it is the default of HTTPS."""
        return self.url.partition("://")[2]


def open_route(origin: Origin) -> httpx.BaseTransport:
    """Return the transport to an origin, through the proxy of the environment if there is one.

    Connections to loopback addresses never use a proxy.

    Raises:
        InputError: when the proxy of the environment is not valid.
    """
    proxy = proxy_for(origin)
    if proxy is None:
        return httpx.HTTPTransport()
    try:
        return httpx.HTTPTransport(proxy=proxy if "://" in proxy else f"http://{proxy}")
    except (ValueError, ImportError, httpx.InvalidURL):
        # The proxy's address may contain a password, and so may the message of httpx.
        problem = InputError(
            f"The proxy for {origin.label} in HTTPS_PROXY or ALL_PROXY is not valid.",
            remedy="Set it to a URL such as http://proxy.example:3128, or unset it; a SOCKS proxy "
            "requires the package socksio.",
            audience=Audience.OPERATOR,
        )
    raise problem


def proxy_for(origin: Origin) -> str | None:
    """Return the address of the environment's proxy for an origin, if any."""
    if origin.scheme != "https" or proxy_bypass(origin.host):
        return None
    proxies = getproxies()
    return proxies.get("https") or proxies.get("all")


def _loopback(destination: Destination) -> tuple[str, int]:
    refused = DestinationRefused(
        f"“{destination.host}” is not a loopback address with a port.",
        remedy=f"Set {destination.setting} to an address such as 127.0.0.1:8080.",
        audience=Audience.OPERATOR,
    )
    match = re.fullmatch(r"\[?([0-9a-f.:]+?)\]?:([0-9]{1,5})", destination.host)
    if match is None or not _is_address(match[1]):
        raise refused
    port = int(match[2])
    if not ipaddress.ip_address(match[1]).is_loopback or not 0 < port < 2**16:
        raise refused
    return match[1], port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
