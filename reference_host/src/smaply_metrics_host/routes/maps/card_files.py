"""A card of a map as a file: PNG, SVG or CSV."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Viewer
from smaply_metrics_host.rendering.card_files import csv_file, svg_file
from smaply_metrics_host.store.map_rows import no_such

router = APIRouter(include_in_schema=False)

FileType = Literal["png", "svg", "csv"]
TYPES: Final[dict[FileType, str]] = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
}


@router.get("/maps/{map_id}/cards/{card_id}/card.{file_type}")
async def download(
    app_state: CurrentAppState, person: Viewer, map_id: str, card_id: str, file_type: FileType
) -> Response:
    """Return the last good value of a card, as the card shows it, without a refresh."""
    view = await app_state.map_renderer.view(person.account, map_id, person.role, refresh=False)
    card = view.cards.get(card_id)
    if card is None:
        raise no_such("card")
    rendered = card.rendered
    if rendered is None:
        raise NotFound("This card has no value yet.", remedy="Wait until the map shows a value.")
    if file_type == "csv":
        content = csv_file(card, rendered)
    else:
        chart = await app_state.chart_renderer.svg(rendered, "light") if rendered.drawn else ""
        svg = await run_in_threadpool(svg_file, app_state.templates, card, rendered, chart)
        content = svg.encode()
        if file_type == "png":
            content = await app_state.chart_renderer.png(svg)
    name = quote(f"{card.heading[:80]}.{file_type}", safe="")
    return Response(
        content,
        media_type=TYPES[file_type],
        headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
    )
