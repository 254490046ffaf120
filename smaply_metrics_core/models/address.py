"""The address of a self-hosted server: scheme, host, port, path and fixed query."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import Annotated, Any, Final, NamedTuple, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from smaply_metrics_core.models.credentials import suggestion_error

HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
MAX_LENGTH: Final = 2_000
"""The most characters of an address."""

_DEFAULT_PORTS: Final = {
    "http": HTTP_PORT,
    "https": HTTPS_PORT,
    "mariadb": 3306,
    "postgresql": 5432,
}
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+]{0,30}")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label of a name is never a number, which excludes short and hexadecimal forms of IPv4.
_NAME: Final = re.compile(
    rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?:[a-z_](?:[a-z0-9_-]{{0,61}}[a-z0-9])?)"
)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
_EXAMPLE: Final = "such as https://surveys.example.com:8443/folder/"


class Address(NamedTuple):
    """The address of a server, in one normal form.

    The scheme and the host are in lower case, an IPv6 address is compressed and without brackets,
    and the port is always set if the scheme has a default.

    Attributes:
        scheme: ``https``, ``http``, or that of a database such as ``postgresql``.
        host: A host name, or an IP address.
        port: The port; 0 if there is none and the scheme has no default.
        path: The path, with a slash at the start; ``/`` if there is none.
        query: The fixed query without the question mark; empty if there is none.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address in a text.

        Raises:
            ValueError: with a sentence for people, when the text has no scheme or no host, or has a
                user, a password, a fragment, dot segments, or an encoded slash.
        """
        parts, port = _split(text)
        path = parts.path or "/"
        if not is_plain_path(path):
            raise ValueError(
                "The path of an address must not have “.” or “..” as a segment, empty segments, or "
                "encoded slashes"
            )
        scheme = parts.scheme.lower()
        default = _DEFAULT_PORTS.get(scheme, 0)
        return cls(scheme, _host(parts.hostname or ""), port or default, path, parts.query)

    @property
    def url(self) -> str:
        """The address as a URL, without the default port of the scheme."""
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.netloc}{self.path}{query}"

    @property
    def netloc(self) -> str:
        """The host, and the port unless it is the default of the scheme."""
        return netloc(self.scheme, self.host, self.port)

    def covers(self, other: Address) -> bool:
        """Whether the other address is this one, or below its path.

        The path is compared by whole segments. An address with a query covers only itself.
        """
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        if self.query:
            return (self.path, self.query) == (other.path, other.query)
        return is_below(other.path, self.path)


def netloc(scheme: str, host: str, port: int) -> str:
    """Return a host as in a URL, with the port unless it is the default of the scheme."""
    host = f"[{host}]" if ":" in host else host
    return host if port == _DEFAULT_PORTS.get(scheme, 0) else f"{host}:{port}"


def is_below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or below it, compared by whole segments."""
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def is_plain_path(path: str) -> bool:
    """Whether no server can read the path as one that leads elsewhere.

    Dot segments, backslashes and slashes, also percent-encoded once or several times, and empty
    segments other than the last are not plain.
    """
    if not _PATH.fullmatch(path):
        return False
    decoded = path
    while (once := unquote(decoded, errors="replace")) != decoded:
        if once.count("/") != decoded.count("/"):
            return False
        decoded = once
    segments = decoded.split("/")
    return (
        "\\" not in decoded
        and "\0" not in decoded
        and not {".", ".."} & set(segments)
        and "" not in segments[1:-1]
    )


def is_private(host: str) -> bool:
    """Whether a host is an IP address of a private network or of this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_unspecified


def _split(text: str) -> tuple[SplitResult, int]:
    """Return the parts of an address and its port, or raise ``ValueError``."""
    if not text or len(text) > MAX_LENGTH or not _PRINTABLE.fullmatch(text):
        raise ValueError(
            f"An address has at most {MAX_LENGTH:,} ASCII characters and no spaces, {_EXAMPLE}"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"The host or the port of the address is not valid, {_EXAMPLE}") from None
    if "://" not in text or not _SCHEME.fullmatch(parts.scheme):
        raise ValueError(f"An address begins with its scheme, {_EXAMPLE}")
    if "@" in parts.netloc:
        raise ValueError("An address must not contain a user or a password")
    if "#" in text or (text.endswith("?") and not parts.query):
        raise ValueError("An address must not contain “#”, or end with “?”")
    if parts.netloc.endswith(":") or port == 0:
        raise ValueError(f"The host or the port of the address is not valid, {_EXAMPLE}")
    return parts, port or 0


def _host(host: str) -> str:
    """Return a host in its normal form, or raise ``ValueError``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        mapped = isinstance(address, ipaddress.IPv6Address) and (
            address.ipv4_mapped is not None or address.scope_id is not None
        )
        if mapped or address.is_unspecified or address.is_multicast:
            raise ValueError("The IP address is not that of one server")
        return str(address)
    if not _NAME.fullmatch(host):
        raise ValueError(f"The host of the address is not a host name or an IP address, {_EXAMPLE}")
    return host


def _normalized(value: Any) -> Any:  # noqa: ANN401  # What a person entered.
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return Address.parse(text).url
    except ValueError as error:
        reason = str(error)
    url = ""
    if "://" not in text:
        with suppress(ValueError):
            url = Address.parse(f"https://{text}").url
    if url:
        raise suggestion_error(f"Enter the address with its scheme: {url}.", url)
    raise PydanticCustomError("address", "{reason}.", {"reason": reason})


ServerAddress = Annotated[str, BeforeValidator(_normalized)]
"""The type of a credentials field with the address of a server, as a URL in its normal form."""
