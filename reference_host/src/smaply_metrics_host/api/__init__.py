"""The JSON API, which offers the functions of the pages to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smaply_metrics_host.api.openapi import describe
from smaply_metrics_host.api.routes import (
    account,
    cards,
    connections,
    debug_bundles,
    jobs,
    map_parts,
    maps,
    metrics,
    people,
    previews,
    session,
    share_links,
    sources,
    surveys,
    workspaces,
)
from smaply_metrics_host.web.routing import share_routes

if TYPE_CHECKING:
    from fastapi import FastAPI

SUBJECTS: Final = (
    session,
    sources,
    connections,
    surveys,
    previews,
    metrics,
    cards,
    maps,
    map_parts,
    share_links,
    debug_bundles,
    jobs,
    account,
    people,
    workspaces,
)


def add_api(app: FastAPI) -> None:
    """Add the routes of the API and the OpenAPI document to an app."""
    share_routes(app, [subject.router for subject in SUBJECTS])
    describe(app)
