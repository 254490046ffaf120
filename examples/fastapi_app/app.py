"""A FastAPI app that shows cards as JSON, and streams what has changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from smaply_metrics_core.host import (
    Actor,
    AsyncMetricsHost,
    EventKind,
    MetricsError,
    NotFound,
    Role,
    Settings,
    card_json,
)

VIEWER: Final = Actor("acme", "vera", Role.VIEWER)

changes: Final[list[str]] = []


async def receive(host: AsyncMetricsHost, consumer: str) -> None:
    """Count the values that change."""
    async with aclosing(host.events.stream(consumer, kinds={EventKind.VALUE_CHANGED})) as events:
        async for event in events:
            changes.append(event.metric_id)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the host, and receive events, while the app runs."""
    settings = Settings.from_environment(account=VIEWER.account)
    consumer = f"fastapi {os.getpid()}"
    async with AsyncMetricsHost(settings) as host:
        app.state.metrics = host
        receiving = asyncio.create_task(receive(host, consumer))
        yield
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving
        await host.events.forget(consumer)


app: Final = FastAPI(lifespan=lifespan)


@app.get("/cards")
async def cards(request: Request) -> list[dict[str, Any]]:
    """Return every card; due ones are refreshed in the background."""
    return [card_json(card) for card in await request.app.state.metrics.cards.load(VIEWER)]


@app.get("/cards/{metric_id}")
async def card(request: Request, metric_id: str) -> dict[str, Any]:
    """Return one card, after waiting up to ten seconds for a refresh that is due."""
    (found,) = await request.app.state.metrics.cards.load(VIEWER, [metric_id], wait=10)
    return card_json(found)


@app.get("/changes")
async def changed() -> dict[str, Any]:
    """Return the process, and the metrics whose values have changed since it started."""
    return {"process": os.getpid(), "changes": changes}


@app.exception_handler(MetricsError)
async def explain(_request: Request, error: MetricsError) -> JSONResponse:
    """Return an error as JSON, in words for a Viewer."""
    problem = error.to_problem().for_reader(VIEWER.role.audience, source="the survey tool")
    status = 404 if isinstance(error, NotFound) else 502
    return JSONResponse(problem.model_dump(mode="json"), status)
