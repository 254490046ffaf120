"""Which scheme, host and port a destination stands for, and the road there."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

from smaply_metrics_core.errors import DestinationRefused, InputError
from smaply_metrics_core.models.source import Destination

HTTPS_PORT: Final = 443
_LABEL: Final = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_LONGEST_NAME: Final = 253
_PUBLIC_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")


class Origin(NamedTuple):
    """Where a request goes: all three must be exactly those of a destination."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of_url(cls, url: httpx.URL) -> Origin:
        """Return the origin that a request to this URL would connect to."""
        port = url.port or (HTTPS_PORT if url.scheme == "https" else 80)
        return cls(url.scheme, url.raw_host.decode("ascii"), port)

    @classmethod
    def of_destination(cls, destination: Destination) -> Origin:
        """Return the one origin that a host destination allows.

        Raises:
            DestinationRefused: when it is neither a public host name nor, with a setting, a
                literal loopback address with its port.
        """
        if destination.setting:
            return cls("http", *_loopback(destination))
        host = destination.host.lower()
        if not _PUBLIC_NAME.fullmatch(host) or len(host) > _LONGEST_NAME or _is_address(host):
            raise DestinationRefused(
                f"“{destination.host}” is not the name of a public host.",
                remedy="Give a host name alone, as in iad1.qualtrics.com: no scheme, port or path.",
            )
        return cls("https", host, HTTPS_PORT)

    @property
    def url(self) -> str:
        """The origin as the beginning of a URL, without a port where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.scheme == "https" and self.port == HTTPS_PORT
        return f"{self.scheme}://{host}" if usual else f"{self.scheme}://{host}:{self.port}"

    @property
    def label(self) -> str:
        """The origin as people know it: the host, with the port where it is not the usual one."""
        return self.url.partition("://")[2]


def open_route(origin: Origin) -> httpx.BaseTransport:
    """Make the transport to one origin, through the environment's proxy where there is one.

    Loopback is always reached directly.

    Raises:
        InputError: when the environment names a proxy that cannot be used.
    """
    proxy = proxy_for(origin)
    if proxy is None:
        return httpx.HTTPTransport()
    try:
        return httpx.HTTPTransport(proxy=proxy if "://" in proxy else f"http://{proxy}")
    except (ValueError, ImportError, httpx.InvalidURL):
        # The proxy's address may hold a password, and so may the library's message.
        problem = InputError(
            f"The proxy that the environment names for {origin.label} cannot be used.",
            remedy="Set HTTPS_PROXY to an address such as http://proxy.example:3128, "
            "or unset it; a SOCKS proxy needs the package socksio.",
        )
    raise problem


def proxy_for(origin: Origin) -> str | None:
    """Return the address of the proxy that the environment wants for an origin, if any."""
    if origin.scheme != "https" or proxy_bypass(origin.host):
        return None
    proxies = getproxies()
    return proxies.get("https") or proxies.get("all")


def _loopback(destination: Destination) -> tuple[str, int]:
    refused = DestinationRefused(
        f"“{destination.host}” is not a loopback address with a port.",
        remedy=f"Set {destination.setting} to one such as 127.0.0.1:8080.",
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
