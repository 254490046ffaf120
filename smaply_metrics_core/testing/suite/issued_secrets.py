"""The secrets of a test account: those of its credentials, and those that the tool issued."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Final

from smaply_metrics_core.models.credentials import Credentials, credential_fields
from smaply_metrics_core.testing.faults.replay import Exchanges, RecordedRequest, RecordedResponse

SHORTEST: Final = 12
"""Shorter texts may be sent again by coincidence."""

_SECRET_HEADER: Final = re.compile(r"auth|cookie|token|key|session|secret", re.IGNORECASE)
_ONE_WORD: Final = re.compile(r"\S+")


def form_secrets(model: type[Credentials], *given: Mapping[str, str]) -> tuple[str, ...]:
    """Return every secret of several sets of credentials in plain text."""
    names = [field.name for field in credential_fields(model) if field.secret]
    found = [values[name].strip() for values in given for name in names if name in values]
    return tuple(dict.fromkeys(found))


def derived_secrets(exchanges: Exchanges, sign_in: str) -> tuple[str, ...]:
    """Return the texts of responses that later requests send as secrets.

    These are texts that are part of a header for authentication, and texts in the response to a
    sign-in that occur anywhere in a later request.

    Args:
        exchanges: The requests and responses of a call.
        sign_in: A text in the requests that open a login session; may be empty.
    """
    found: dict[str, None] = {}
    for number, (request, response) in enumerate(exchanges):
        following = [one for one, _ in exchanges[number + 1 :]]
        of_sign_in = bool(sign_in) and request.names(sign_in)
        for text in dict.fromkeys(_texts(response)) if following else ():
            if any(
                (of_sign_in and one.contains(text)) or _authenticates(one, text)
                for one in following
            ):
                found[text] = None
    return tuple(found)


def _authenticates(request: RecordedRequest, text: str) -> bool:
    return any(text in value for name, value in request.headers if _SECRET_HEADER.search(name))


def _texts(response: RecordedResponse) -> Iterator[str]:
    """Yield the texts of a response that may be secrets: of its JSON, and of its cookies."""
    remaining: list[object] = []
    with suppress(ValueError):
        remaining.append(json.loads(response.content))
    for name, value in response.headers:
        if name.lower() == "set-cookie":
            with suppress(CookieError):
                remaining += [one.value for one in SimpleCookie(value).values()]
    while remaining:
        one = remaining.pop()
        if isinstance(one, dict):
            remaining += one.values()
        elif isinstance(one, list):
            remaining += one
        elif isinstance(one, str) and len(one) >= SHORTEST and _ONE_WORD.fullmatch(one):
            yield one
