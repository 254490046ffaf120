"""Follows a list from page to page, and notices when it does not end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from smaply_metrics_core.errors import SourceUnavailable


def pages(
    client: httpx.Client,
    first_url: str,
    next_url: Callable[[httpx.Response], str | None],
    *,
    max_pages: int = 2_000,
    auth: httpx.Auth | None = None,
) -> Iterator[httpx.Response]:
    """Yield each page of a list, read, until ``next_url`` gives no more.

    ``next_url`` is called after the page was handed out, so that whoever reads it refuses an error
    page first.

    Raises:
        SourceUnavailable: when a page leads to one already read, or after ``max_pages`` pages; an
            unfinished list is never passed off as complete.
    """
    seen: set[httpx.URL] = set()
    url: str | None = first_url
    while url:
        request = client.build_request("GET", url)
        if request.url in seen:
            raise SourceUnavailable(
                f"{request.url.host} sent a list whose pages lead back to one already read.",
                remedy="Try again; if it stays, report it to the survey tool's support.",
            )
        if len(seen) == max_pages:
            raise SourceUnavailable(
                f"{request.url.host} sent a list that goes on after {max_pages} pages.",
                remedy="Use an account that sees fewer surveys, or report it to support.",
            )
        seen.add(request.url)
        response = client.send(request, auth=auth) if auth else client.send(request)
        yield response
        url = next_url(response)
