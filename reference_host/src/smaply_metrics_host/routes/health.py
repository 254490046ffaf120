"""Probes: whether the process is alive, and whether it can serve requests."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse

from smaply_metrics_core.host import HealthCheck, HealthStatus, StoreError
from smaply_metrics_host.app_state import AppState, CurrentAppState

logger = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

MAPS: Final = "maps"


@router.get("/healthz")
@router.get("/livez")
async def livez() -> PlainTextResponse:
    """Answer while the event loop runs; nothing else is examined."""
    return PlainTextResponse("ok")


@router.get("/readyz")
async def readyz(app_state: CurrentAppState) -> JSONResponse:
    """Return 200 if this process can serve requests, else 503, with the result of each check.

    It needs no sign-in, so it has no messages; those of failed checks are logged.
    """
    checks = await app_state.readiness.run_async("ready", lambda: _examine(app_state))
    ready = not any(one.required and one.status is HealthStatus.FAILED for one in checks)
    statuses = {check.name: check.status.value for check in checks}
    return JSONResponse({"ready": ready, "checks": statuses}, 200 if ready else 503)


async def _examine(app_state: AppState) -> tuple[HealthCheck, ...]:
    report = await app_state.metrics.health.readiness()
    checks = (*report.checks, await run_in_threadpool(_examine_maps, app_state))
    for check in checks:
        if check.status is HealthStatus.FAILED:
            level = logging.WARNING if check.required else logging.INFO
            logger.log(level, "Not ready: %s: %s %s", check.name, check.message, check.remedy)
    return checks


def _examine_maps(app_state: AppState) -> HealthCheck:
    """Check that the database of maps and people can be read."""
    try:
        app_state.database.check()
    except StoreError as error:
        return HealthCheck(
            name=MAPS, status=HealthStatus.FAILED, message=error.message, remedy=error.remedy
        )
    message = "The database of maps and people can be read."
    return HealthCheck(name=MAPS, status=HealthStatus.OK, message=message)
