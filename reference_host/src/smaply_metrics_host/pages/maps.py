"""Journey maps."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_host.site import CurrentSite
from smaply_metrics_host.web.asking import Viewer

router = APIRouter(prefix="/maps", include_in_schema=False)


@router.get("/{map_id}")
async def show(request: Request, site: CurrentSite, person: Viewer, map_id: str) -> Response:
    """Show a map: at once from what is stored; what is due is refreshed behind it."""
    journey = await run_in_threadpool(site.journeys.show, person.account, map_id)
    ids = list(dict.fromkeys(card.metric for card in journey.cards))
    loaded = await site.metrics.cards.load(person.actor, ids)
    cards = {card.metric_id: card for card in loaded}
    return site.templates.page(request, "map.html", journey=journey, cards=cards)
