"""Charts of maps: what browsers draw them from, drawings for those without script, the script."""

from __future__ import annotations

import gzip
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Viewer
from smaply_metrics_host.rendering.chart_renderer import SCRIPT, ChartRenderer, ThemeName
from smaply_metrics_host.rendering.result_renderer import RenderedResult
from smaply_metrics_host.routes.static_files import FOREVER

router = APIRouter(include_in_schema=False)

KEPT: Final = {"cache-control": "private, max-age=31536000, immutable"}
"""An address names what is drawn by its digest; only who may see it keeps it."""
MOST: Final = 200
"""Charts in one answer: as many as a map has cards."""


@router.get("/maps/{map_id}/charts.json")
async def specifications(
    app_state: CurrentAppState,
    person: Viewer,
    map_id: str,
    theme: Annotated[ThemeName, Query()],
    digests: Annotated[str, Query()],
) -> Response:
    """Give the Vega-Lite specifications of charts of a map, by digest.

    Args:
        app_state: The parts of the host.
        person: Who asks.
        map_id: Which map.
        theme: Of the page that they are drawn on.
        digests: Their digests, separated by commas; those that the map shows no longer are left
            out.
    """
    wanted = digests.split(",")[:MOST]
    found = await app_state.map_renderer.charts(person.account, map_id, wanted)
    body = await run_in_threadpool(_written, app_state.chart_renderer, list(found.values()), theme)
    headers = KEPT if len(found) == len(wanted) else None
    return Response(body, media_type="application/json", headers=headers)


@router.get("/maps/{map_id}/charts/{digest}.svg")
async def drawing(
    app_state: CurrentAppState,
    person: Viewer,
    map_id: str,
    digest: str,
    theme: Annotated[ThemeName, Query()],
) -> Response:
    """Draw a chart of a map."""
    found = await app_state.map_renderer.charts(person.account, map_id, [digest])
    if digest not in found:
        raise NotFound("The map does not show this chart any longer.", remedy="Reload the map.")
    svg = await app_state.chart_renderer.svg(found[digest], theme)
    return Response(svg, media_type="image/svg+xml", headers=KEPT)


@router.get(SCRIPT)
async def script(request: Request, app_state: CurrentAppState) -> Response:
    """Give the script that draws charts in the browser."""
    compressed = await app_state.chart_renderer.script()
    by_digest = "v" in request.query_params
    headers = dict(FOREVER) if by_digest else {"cache-control": "no-cache"}
    headers["vary"] = "accept-encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(compressed, media_type="text/javascript", headers=headers)
    plain = await run_in_threadpool(gzip.decompress, compressed)
    return Response(plain, media_type="text/javascript", headers=headers)


def _written(chart_renderer: ChartRenderer, results: list[RenderedResult], theme: ThemeName) -> str:
    specs = (f'"{rendered.digest}":{chart_renderer.spec(rendered, theme)}' for rendered in results)
    return "{" + ",".join(specs) + "}"
