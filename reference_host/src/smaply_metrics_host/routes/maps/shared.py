"""A map as guests with a share link read it.

Addresses in these pages are relative, so that no page contains the token, and all guests of a map
share one rendering and one poll of its live updates.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import ShareLinkInvalid
from smaply_metrics_host.map_readers import Guest, MapReader
from smaply_metrics_host.rendering.chart_renderer import ThemeName
from smaply_metrics_host.routes.maps.charts import chart_drawing, chart_specifications
from smaply_metrics_host.routes.maps.live_updates import changed_parts
from smaply_metrics_host.routes.maps.pages import bare_page
from smaply_metrics_host.store.share_links import SharedMap

router = APIRouter(prefix="/shared/{token}", include_in_schema=False)

NOT_CACHED: Final = {"cache-control": "no-store"}
"""Nothing of the map remains in the browser of a guest whose link has ended."""


async def _opened(app_state: CurrentAppState, token: str) -> SharedMap:
    shared = await run_in_threadpool(app_state.share_links.open, token)
    if shared is None:
        raise ShareLinkInvalid(
            "It may have expired or been revoked.",
            remedy="Ask the person who sent it for a new link.",
        )
    app_state.guest_requests.take(shared.link)
    return shared


Opened = Annotated[SharedMap, Depends(_opened)]


@router.get("/map")
async def show(
    request: Request,
    app_state: CurrentAppState,
    shared: Opened,
    wall: Annotated[str, Query()] = "",
) -> Response:
    """Show the map with its stored values, and refresh due metrics in the background."""
    view = await app_state.map_renderer.view(shared.account, shared.map, Guest.GUEST, refresh=True)
    app_state.live_updates.nudge(shared.account, shared.map)
    return await run_in_threadpool(bare_page, request, app_state, view, wall=wall == "1")


@router.get("/events")
async def events(app_state: CurrentAppState, shared: Opened, token: str) -> Response:
    """Stream the changes of the map's cards until the link ends."""

    async def current_reader() -> MapReader | None:
        now = await run_in_threadpool(app_state.share_links.open, token)
        return Guest.GUEST if now else None

    follower = app_state.live_updates.follow(
        shared.account, shared.map, Guest.GUEST, current_reader
    )
    return app_state.streams.answer((shared.account, shared.link), follower)


@router.get("/cards")
async def cards(
    app_state: CurrentAppState, shared: Opened, have: Annotated[str, Query()] = ""
) -> Response:
    """Return the parts of the map that changed since the versions in ``have``."""
    view = await app_state.map_renderer.view(shared.account, shared.map, Guest.GUEST, refresh=False)
    return await changed_parts(app_state, view, have)


@router.get("/charts.json")
async def specifications(
    app_state: CurrentAppState,
    shared: Opened,
    theme: Annotated[ThemeName, Query()],
    digests: Annotated[str, Query()],
) -> Response:
    """Return the Vega-Lite specifications of charts of the map, by digest."""
    return await chart_specifications(
        app_state, shared.account, shared.map, digests, theme, headers=NOT_CACHED
    )


@router.get("/charts/{digest}.svg")
async def drawing(
    app_state: CurrentAppState,
    shared: Opened,
    digest: str,
    theme: Annotated[ThemeName, Query()],
) -> Response:
    """Return a chart of the map as SVG."""
    return await chart_drawing(
        app_state, shared.account, shared.map, digest, theme, headers=NOT_CACHED
    )
