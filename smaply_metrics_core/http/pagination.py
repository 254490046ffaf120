"""Pagination with protection against lists that never end."""

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
    """Yield the pages of a list until ``next_url`` returns ``None``.

    ``next_url`` is called after the page was yielded, so that the caller can raise for an error
    page first.

    Raises:
        SourceUnavailable: when a page links to an earlier one, or after ``max_pages`` pages, since
            the list would be incomplete.
    """
    seen: set[httpx.URL] = set()
    url: str | None = first_url
    while url:
        request = client.build_request("GET", url)
        if request.url in seen:
            raise SourceUnavailable(
                f"{request.url.host} sent a list with a page that links to an earlier page.",
                remedy="Try again; if it happens again, report it to the survey tool's support.",
            )
        if len(seen) == max_pages:
            raise SourceUnavailable(
                f"{request.url.host} sent a list with more than {max_pages:,} pages.",
                remedy="Use an API token of a user with access to fewer surveys.",
            )
        seen.add(request.url)
        response = client.send(request, auth=auth) if auth else client.send(request)
        yield response
        url = next_url(response)
