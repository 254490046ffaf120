"""The routes of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import APIRouter, FastAPI


def share_routes(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routes of routers to an app, without copying them.

    FastAPI's ``include_router`` builds every route again for each app, at its first request, to
    apply prefixes and dependencies of the include. These routers have theirs already.
    """
    for router in routers:
        app.router.routes.extend(router.routes)
