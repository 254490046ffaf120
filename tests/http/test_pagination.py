"""Lists are read to their end, or are an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.errors import DestinationRefused, SourceUnavailable
from smaply_metrics_core.http import SAFE_TO_REPEAT, header_auth, pages

if TYPE_CHECKING:
    from .conftest import Clients


def next_of(response: httpx.Response) -> str | None:
    """Return the URL of the next page."""
    following: str | None = response.json()["next"]
    return following


def test_pages_are_yielded_in_order(clients: Clients) -> None:
    """Each page is requested with the authentication until there is no next page."""
    tokens: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers.get("X-API-TOKEN"))
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json={"next": f"/list?page={page + 1}" if page < 3 else None})

    auth = header_auth("X-API-TOKEN", SecretStr("token-token"))
    found = [page.json()["next"] for page in pages(clients(wire), "/list", next_of, auth=auth)]

    assert found == ["/list?page=2", "/list?page=3", None]
    assert tokens == ["token-token"] * 3


def test_pages_use_the_clients_authentication_by_default(clients: Clients) -> None:
    """Without ``auth``, the authentication of the client is used."""
    tokens: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200, json={"next": None})

    client = clients(wire)
    client.auth = header_auth("X-API-TOKEN", SecretStr("token-token"))
    list(pages(client, "/list", next_of))

    assert tokens == ["token-token"]


@pytest.mark.parametrize("back_to", ["/list", "https://fra1.qualtrics.com:443/list", "/list?a=1"])
def test_a_circular_list_is_an_error(clients: Clients, back_to: str) -> None:
    """An earlier page is recognised by an absolute or a relative URL."""
    read: list[int] = []
    client = clients(lambda _: httpx.Response(200, json={"next": back_to}))

    with pytest.raises(SourceUnavailable, match="links to an earlier page"):
        read.extend(page.status_code for page in pages(client, "/list", next_of))
    assert len(read) in {1, 2}


@pytest.mark.parametrize(
    "link",
    [
        "/list?token=" + "x" * 100_000,
        "/list?page=\0",
        "/list?page=\ud800",
        "https://[broken/list",
        "https://fra1.qualtrics.com:99999999/list",
        "https://elsewhere.example.com/list",
        "http://fra1.qualtrics.com/list",
        "https://name:word@fra1.qualtrics.com/list",
        17,
        ["/list"],
        {"href": "/list"},
    ],
    ids=lambda link: str(link)[:30].encode("ascii", "replace").decode(),
)
def test_a_link_that_cannot_be_followed_is_the_fault_of_the_survey_tool(
    clients: Clients,
    link: Any,  # noqa: ANN401  # Anything in JSON.
) -> None:
    """No such link is followed, and the list is not returned as complete."""
    sent: list[httpx.URL] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(200)

    with pytest.raises(SourceUnavailable, match="link to the next page"):
        list(pages(clients(wire), "/list", lambda _: link))
    assert len(sent) == 1


def test_an_invalid_first_page_is_the_fault_of_the_source(clients: Clients) -> None:
    """Its URL does not come from the survey tool."""
    client = clients(lambda _: httpx.Response(200))
    with pytest.raises(DestinationRefused):
        list(pages(client, "https://elsewhere.example.com/", next_of))


def test_an_endless_list_is_an_error(clients: Clients) -> None:
    """A list with more than the maximum number of pages is not returned as complete."""

    def wire(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json={"next": f"/list?page={page + 1}"})

    read: list[int] = []
    with pytest.raises(SourceUnavailable, match="more than 5 pages"):
        read.extend(
            page.status_code for page in pages(clients(wire), "/list", next_of, max_pages=5)
        )
    assert len(read) == 5


def test_the_maximum_number_of_pages_is_allowed(clients: Clients) -> None:
    """A list that ends with the last allowed page is complete."""

    def wire(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json={"next": f"/list?page={page + 1}" if page < 5 else None})

    assert len(list(pages(clients(wire), "/list", next_of, max_pages=5))) == 5


def test_the_caller_can_reject_an_error_page_first(clients: Clients) -> None:
    """``next_url`` is not called for a page that the caller rejects."""

    class RefusedError(Exception):
        """The error of a source for a 404."""

    def reader() -> None:
        for page in pages(clients(lambda _: httpx.Response(404)), "/list", next_of):
            raise RefusedError(page.status_code)

    with pytest.raises(RefusedError):
        reader()


def test_pages_may_be_requests(clients: Clients) -> None:
    """A cursor in the body makes each request another page; a repeated one is a loop."""
    asked: list[bytes] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        after = len(asked) if len(asked) < 3 else None
        return httpx.Response(200, json={"next": after})

    client = clients(wire)

    def request(cursor: int) -> httpx.Request:
        return client.build_request(
            "POST", "/rpc", json={"after": cursor}, extensions=dict(SAFE_TO_REPEAT)
        )

    def following(response: httpx.Response) -> httpx.Request | None:
        cursor = response.json()["next"]
        return None if cursor is None else request(cursor)

    assert len(list(pages(client, request(0), following))) == 3
    assert asked == [b'{"after":0}', b'{"after":1}', b'{"after":2}']

    with pytest.raises(SourceUnavailable, match="links to an earlier page"):
        list(pages(client, request(0), lambda _: request(0)))
