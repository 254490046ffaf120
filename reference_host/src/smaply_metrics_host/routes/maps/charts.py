"""Charts of maps: specifications, SVG for browsers without scripts, and the script."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Viewer
from smaply_metrics_host.rendering.chart_renderer import SCRIPT, ChartRenderer, ThemeName
from smaply_metrics_host.rendering.result_renderer import RenderedResult
from smaply_metrics_host.routes.static_files import FOREVER

router = APIRouter(include_in_schema=False)

CACHED: Final = {"cache-control": "private, max-age=31536000, immutable"}
"""URLs contain a digest, so responses never change; only the browser may cache them."""
MOST: Final = 200
"""The number of charts in one response, that of the cards on a map."""


@router.get("/maps/{map_id}/charts.json")
async def specifications(
    app_state: CurrentAppState,
    person: Viewer,
    map_id: str,
    theme: Annotated[ThemeName, Query()],
    digests: Annotated[str, Query()],
) -> Response:
    """Return the Vega-Lite specifications of charts of a map, by digest.

    Args:
        app_state: The services of the app.
        person: The signed-in person.
        map_id: The id of the map.
        theme: The theme of the page.
        digests: The digests, separated by commas; those no longer on the map are skipped.
    """
    return await chart_specifications(app_state, person.account, map_id, digests, theme)


@router.get("/maps/{map_id}/charts/{digest}.svg")
async def drawing(
    app_state: CurrentAppState,
    person: Viewer,
    map_id: str,
    digest: str,
    theme: Annotated[ThemeName, Query()],
) -> Response:
    """Return a chart of a map as SVG."""
    return await chart_drawing(app_state, person.account, map_id, digest, theme)


@router.get(SCRIPT)
async def script(request: Request, app_state: CurrentAppState) -> Response:
    """Return the script that draws charts in the browser."""
    compressed = await app_state.chart_renderer.script()
    is_current = f"{SCRIPT}?{request.url.query}" == app_state.chart_renderer.script_address
    headers = dict(FOREVER) if is_current else {"cache-control": "no-cache"}
    headers["vary"] = "accept-encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(compressed, media_type="text/javascript", headers=headers)
    plain = await run_in_threadpool(gzip.decompress, compressed)
    return Response(plain, media_type="text/javascript", headers=headers)


async def chart_specifications(  # noqa: PLR0913  # The map, the charts and the headers.
    app_state: AppState,
    account: str,
    map_id: str,
    digests: str,
    theme: ThemeName,
    *,
    headers: Mapping[str, str] = CACHED,
) -> Response:
    """Return the response with specifications; see ``specifications``.

    It has the headers if all charts were found.
    """
    wanted = digests.split(",")[:MOST]
    found = await app_state.map_renderer.charts(account, map_id, wanted)
    body = await run_in_threadpool(_written, app_state.chart_renderer, list(found.values()), theme)
    complete = len(found) == len(wanted)
    return Response(body, media_type="application/json", headers=headers if complete else None)


async def chart_drawing(  # noqa: PLR0913  # As above.
    app_state: AppState,
    account: str,
    map_id: str,
    digest: str,
    theme: ThemeName,
    *,
    headers: Mapping[str, str] = CACHED,
) -> Response:
    """Return the response with a chart as SVG.

    Raises:
        NotFound: if no chart of the map has this digest.
    """
    found = await app_state.map_renderer.charts(account, map_id, [digest])
    if digest not in found:
        raise NotFound("This chart is no longer on the map.", remedy="Reload the map.")
    svg = await app_state.chart_renderer.svg(found[digest], theme)
    return Response(svg, media_type="image/svg+xml", headers=headers)


def _written(chart_renderer: ChartRenderer, results: list[RenderedResult], theme: ThemeName) -> str:
    specs = (f'"{rendered.digest}":{chart_renderer.spec(rendered, theme)}' for rendered in results)
    return "{" + ",".join(specs) + "}"
