"""What connects to Qualtrics: an API token, and the host of the account's data centre."""

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
"""Names the one loopback ``IP:PORT`` that plain HTTP is allowed to; nothing else widens it."""

_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,2}qualtrics\.com")
_DATACENTER: Final = re.compile(r"[a-z]{2,4}[0-9]")
"""As in ``iad1``. Not just any word: a token typed into this field must not be repeated."""

_FORMS: Final = (
    "It is a host such as iad1.qualtrics.com or brand.iad1.qualtrics.com: one or two names, "
    "then qualtrics.com."
)


def is_qualtrics_host(host: str) -> bool:
    """Whether a lower-case host name can be a Qualtrics API host."""
    return bool(_HOST.fullmatch(host))


def sandbox_host() -> str:
    """Return the ``IP:PORT`` of the setting, or nothing when it is absent or names no loopback."""
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
        raise PydanticCustomError("host_empty", "It is empty. " + _FORMS)
    meant = _meant(host, sandbox)
    if meant:
        raise suggestion_error(f"It must be the host alone: use {meant}.", meant)
    raise PydanticCustomError("host_pattern", "It is no Qualtrics host. " + _FORMS)


def _meant(text: str, sandbox: str) -> str:
    """Find the host inside a URL or an address-bar paste; nothing when it holds none of ours."""
    address = text if "//" in text else f"//{text}"
    try:
        parts = urlsplit(address)
        found = (parts.hostname or "").rstrip(".")
        if sandbox and parts.netloc.rpartition("@")[2] == sandbox:
            return sandbox
    except ValueError:  # Brackets or ports that are none.
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
            "shown once, and generating a new one ends the old one. Use an account made for this, "
            "with the surveys shared with it: it stays when people leave.",
            placeholder="40 letters and digits",
            keeps_secrets=True,
        ),
    ]
    base_url: Annotated[
        str,
        AfterValidator(_check_host),
        FormField(
            label="Base URL",
            help="The host of the account's data centre: in Account Settings → Qualtrics IDs the "
            "Datacenter ID, followed by .qualtrics.com.",
            placeholder="iad1.qualtrics.com",
        ),
    ]

    @property
    def destination(self) -> Destination:
        """The one host that requests go to."""
        if is_qualtrics_host(self.base_url):
            return Destination(kind="host", host=self.base_url)
        return Destination(kind="host", host=self.base_url, setting=SANDBOX_SETTING)

    @property
    def api_url(self) -> str:
        """Where the API begins, without a slash at the end."""
        scheme = "https" if is_qualtrics_host(self.base_url) else "http"
        return f"{scheme}://{self.base_url}/API/v3"
