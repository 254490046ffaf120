"""Pagination with protection against lists that never end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import httpx

from smaply_metrics_core.errors import DestinationRefused, SourceUnavailable

_INVALID_LINK: Final = (
    "The survey tool sent a list with a link to the next page that is not valid or leads to "
    "another host."
)
_REPORT: Final = "Try again; if it happens again, report it to the survey tool's support."


def pages(
    client: httpx.Client,
    first: str | httpx.Request,
    next_page: Callable[[httpx.Response], str | httpx.Request | None],
    *,
    max_pages: int = 2_000,
    auth: httpx.Auth | None = None,
) -> Iterator[httpx.Response]:
    """Yield the pages of a list until ``next_page`` returns ``None``.

    A page is a URL, or a request of ``client.build_request`` where a cursor is part of the body or
    of a header; declare a POST with ``SAFE_TO_REPEAT``. ``next_page`` is called after the page was
    yielded, so that the caller can raise for an error page first.

    Raises:
        SourceUnavailable: when a page repeats an earlier request, links to another host or to no
            valid URL, or after ``max_pages`` pages, since the list would be incomplete.
    """
    seen: set[tuple[object, ...]] = set()
    request: httpx.Request | None = _request(client, first)
    while request is not None:
        host = request.url.host
        key = _key(request)
        if key in seen:
            raise SourceUnavailable(
                f"{host} sent a list with a page that links to an earlier page.", remedy=_REPORT
            )
        if len(seen) == max_pages:
            raise SourceUnavailable(
                f"{host} sent a list with more than {max_pages:,} pages.",
                remedy="Use an API token of a user with access to fewer surveys.",
            )
        try:
            response = client.send(request, auth=auth or httpx.USE_CLIENT_DEFAULT)
        except DestinationRefused:
            if not seen:  # The source's own URL.
                raise
            raise SourceUnavailable(_INVALID_LINK, remedy=_REPORT) from None
        seen.add(key)
        yield response
        request = _next_request(client, next_page(response))


def _next_request(client: httpx.Client, page: object) -> httpx.Request | None:
    """Return the request for the next page; the survey tool may have sent anything as its URL."""
    if not page:
        return None
    try:
        return _request(client, page)
    except (httpx.InvalidURL, TypeError, ValueError):
        raise SourceUnavailable(_INVALID_LINK, remedy=_REPORT) from None


def _request(client: httpx.Client, page: object) -> httpx.Request:
    if isinstance(page, httpx.Request):
        return page
    return client.build_request("GET", page)  # type: ignore[arg-type]  # TypeError if not text.


def _key(request: httpx.Request) -> tuple[object, ...]:
    """Return what distinguishes a request from the others of a list."""
    return request.method, request.url, request.read(), tuple(request.headers.multi_items())
