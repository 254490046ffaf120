"""The credentials: an API token and the host name of the account's data centre."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from smaply_metrics_core import Credentials, Destination, FormField, Token, suggestion_error

SANDBOX_SETTING: Final = "SMAPLY_QUALTRICS_SANDBOX"
"""The environment variable that allows plain HTTP to one loopback ``IP:PORT``."""

_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,2}qualtrics\.com")
_DATACENTER: Final = re.compile(r"[a-z]{2,4}[0-9]")
"""Matches ``iad1`` but no token: a token entered in this field must not appear in a message."""

_EXAMPLES: Final = "Enter a host name such as iad1.qualtrics.com or brand.iad1.qualtrics.com."


def is_qualtrics_host(host: str) -> bool:
    """Whether a lower-case host name can be a Qualtrics API host."""
    return bool(_HOST.fullmatch(host))


def sandbox_host() -> str:
    """Return the sandbox's ``IP:PORT``, or an empty string if none is set or it is not loopback."""
    value = os.environ.get(SANDBOX_SETTING, "")
    try:
        parts = urlsplit(f"//{value}")
        fits = ip_address(parts.hostname or "").is_loopback and bool(parts.port)
    except ValueError:
        return ""
    return value if fits and parts.netloc == value else ""


def _check_host(value: str) -> str:
    host = value.lower()
    sandbox = sandbox_host()
    if is_qualtrics_host(host) or (sandbox and host == sandbox):
        return host
    if not host:
        raise PydanticCustomError("host_empty", _EXAMPLES)
    suggestion = _host_in(host, sandbox)
    if suggestion:
        raise suggestion_error(f"Enter only the host name: {suggestion}.", suggestion)
    raise PydanticCustomError("host_pattern", "This is not a Qualtrics host. " + _EXAMPLES)


def _host_in(text: str, sandbox: str) -> str:
    """Return the Qualtrics host in a URL or data centre ID; an empty string if there is none."""
    address = text if "//" in text else f"//{text}"
    try:
        parts = urlsplit(address)
        found = (parts.hostname or "").rstrip(".")
        if sandbox and parts.netloc.rpartition("@")[2] == sandbox:
            return sandbox
    except ValueError:  # Invalid brackets or port.
        return ""
    candidate = f"{found}.qualtrics.com" if _DATACENTER.fullmatch(found) else found
    return candidate if is_qualtrics_host(candidate) else ""


class QualtricsCredentials(Credentials):
    """An API token and the host it belongs to."""

    api_token: Annotated[
        Token,
        FormField(
            label="API token",
            help="In Qualtrics: Account Settings → Qualtrics IDs → API → Generate Token. It is "
            "shown only once. Generating a new token disables the old one. Use a shared account, "
            "so it survives staff changes.",
            placeholder="40 letters and digits",
            keeps_secrets=True,
        ),
    ]
    base_url: Annotated[
        str,
        AfterValidator(_check_host),
        FormField(
            label="Base URL",
            help="The Datacenter ID (in Qualtrics: Account Settings → Qualtrics IDs), followed by "
            ".qualtrics.com.",
            placeholder="iad1.qualtrics.com",
            host_only=True,
        ),
    ]

    @property
    def destination(self) -> Destination:
        """The host that all requests are sent to."""
        if is_qualtrics_host(self.base_url):
            return Destination(kind="host", host=self.base_url)
        return Destination(kind="host", host=self.base_url, setting=SANDBOX_SETTING)

    @property
    def api_url(self) -> str:
        """The URL of the API without a trailing slash."""
        scheme = "https" if is_qualtrics_host(self.base_url) else "http"
        return f"{scheme}://{self.base_url}/API/v3"
