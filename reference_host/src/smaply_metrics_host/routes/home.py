"""The start page."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Viewer

router = APIRouter(include_in_schema=False)


@router.get("/")
async def start(app_state: CurrentAppState, person: Viewer) -> Response:
    """Redirect to the only journey map, or to the list if there are several or none."""
    maps = await run_in_threadpool(app_state.maps.list, person.account)
    return RedirectResponse(f"/maps/{maps[0].id}" if len(maps) == 1 else "/maps", 303)
