"""The origins and paths that destinations allow, and connections to them."""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.request import getproxies, proxy_bypass

import httpx

from smaply_metrics_core.errors import DestinationRefused, InputError
from smaply_metrics_core.http.trust import present, trust_machine, trust_none, trust_only
from smaply_metrics_core.models.address import (
    HTTP_PORT,
    HTTPS_PORT,
    Address,
    is_below,
    is_plain_path,
    is_private,
    netloc,
)
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.models.source import ClientCertificate, Destination

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
        port = url.port or (HTTPS_PORT if url.scheme == "https" else HTTP_PORT)
        return cls(url.scheme, url.raw_host.decode("ascii"), port)

    @classmethod
    def of_destination(cls, destination: Destination) -> Origin:
        """Return the origin of a destination.

        Raises:
            DestinationRefused: when a host is neither a public name nor, with a setting, a loopback
                address with a port; or when an address is not one for HTTP.
        """
        if destination.kind == "address":
            return _origin_of(destination)
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
        """The origin as a URL, without the default port of the scheme."""
        return f"{self.scheme}://{self.label}"

    @property
    def label(self) -> str:
        """The origin for people: the host, with the port unless it is the default of the scheme."""
        return netloc(self.scheme, self.host, self.port)


class Scope(NamedTuple):
    """What a destination allows: an origin, and its paths.

    Attributes:
        origin: The origin.
        path: The path that requests are held to, with what is below it; ``/`` allows every path.
        query: The query that requests must have exactly; an empty one allows every query.
    """

    origin: Origin
    path: str = "/"
    query: str = ""

    @classmethod
    def of_destination(cls, destination: Destination) -> Self:
        """Return the scope of a destination.

        Raises:
            DestinationRefused: as for ``Origin.of_destination``.
        """
        origin = Origin.of_destination(destination)
        if destination.kind != "address":
            return cls(origin)
        return cls(origin, *_path_and_query(httpx.URL(destination.address)))

    @property
    def base_url(self) -> str:
        """The URL that relative ones are appended to; empty if there is a fixed query."""
        return "" if self.query else f"{self.origin.url}{self.path}"

    @property
    def url(self) -> str:
        """The scope as a URL, for messages."""
        query = f"?{self.query}" if self.query else ""
        return f"{self.origin.url}{self.path if self.path != '/' or query else ''}{query}"

    def allows(self, url: httpx.URL) -> bool:
        """Whether a request to this URL stays in the scope."""
        if Origin.of_url(url) != self.origin or url.userinfo:
            return False
        path, query = _path_and_query(url)
        if self.query:
            return (path, query) == (self.path, self.query)
        return self.path == "/" or (is_plain_path(path) and is_below(path, self.path))


def open_route(
    origin: Origin, ca_file: Path | None = None, client: ClientCertificate | None = None
) -> httpx.HTTPTransport:
    """Return the transport to an origin, through the proxy of the environment if there is one.

    Connections with plain HTTP never use a proxy.

    Args:
        origin: The origin.
        ca_file: The only certificate authorities to trust; those of the machine by default.
        client: The certificate that proves who connects.

    Raises:
        InputError: when the proxy of the environment, a file with authorities, or the client
            certificate is not valid.
    """
    try:
        verify = _trust(origin, ca_file, shared=client is None)
    except ValueError as error:
        whose, setting = f"authority of {origin.label}", "SMAPLY_METRICS_SOURCES_CA_FILES"
        if ca_file is None:
            whose, setting = "authorities of the machine", "SSL_CERT_FILE"
        raise InputError(
            f"The file with the certificate {whose} {error}.",
            remedy=f"Restore the file that {setting} names.",
            audience=Audience.OPERATOR,
        ) from None
    if client is not None:
        try:
            present(verify, client)
        except ValueError as error:
            raise InputError(
                f"{error}.",
                remedy="Enter the certificate and the key again.",
                audience=Audience.ADMIN,
            ) from None
    proxy = proxy_for(origin)
    if proxy is None:
        return httpx.HTTPTransport(verify=verify)
    try:
        return httpx.HTTPTransport(
            verify=verify, proxy=proxy if "://" in proxy else f"http://{proxy}"
        )
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


def _origin_of(destination: Destination) -> Origin:
    try:
        address = Address.parse(destination.address)
    except ValueError as error:
        reason = str(error)
    else:
        if address.scheme == "https" or (address.scheme == "http" and is_private(address.host)):
            return Origin(address.scheme, address.host, address.port)
        reason = "Requests need HTTPS, or the IP address of a private network with plain HTTP"
    raise DestinationRefused(
        f"The address is not one for requests. {reason}.",
        remedy="Correct the address.",
    )


def _trust(origin: Origin, ca_file: Path | None, *, shared: bool) -> ssl.SSLContext:
    if ca_file is not None:
        return trust_only(ca_file)
    # Plain HTTP has no certificates.
    return trust_none() if origin.scheme == "http" else trust_machine(shared=shared)


def _path_and_query(url: httpx.URL) -> tuple[str, str]:
    path, _, query = url.raw_path.decode("ascii").partition("?")
    return path, query


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
