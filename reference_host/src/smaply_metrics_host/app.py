"""The web app, put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse

from smaply_metrics_core.host import AsyncMetricsHost, Clock, SourceRegistry, SystemClock
from smaply_metrics_host import __version__
from smaply_metrics_host.api import add_api
from smaply_metrics_host.downloads import Downloads
from smaply_metrics_host.drawings import Drawings
from smaply_metrics_host.faces import Faces
from smaply_metrics_host.jobs import Jobs
from smaply_metrics_host.live import Hub
from smaply_metrics_host.making.drafts import Drafts
from smaply_metrics_host.map_views import MapViews
from smaply_metrics_host.pages import (
    account,
    connection,
    debug,
    integrations,
    map_cards,
    map_charts,
    map_editing,
    map_live,
    maps,
    metric_form,
    preview,
    start,
    upload,
)
from smaply_metrics_host.pages import jobs as job_pages
from smaply_metrics_host.pages import metrics as metric_pages
from smaply_metrics_host.pages import sign_in as sign_in_pages
from smaply_metrics_host.site import Site
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.store.journeys import Journeys
from smaply_metrics_host.store.people import People
from smaply_metrics_host.store.placing import Placing
from smaply_metrics_host.web import static
from smaply_metrics_host.web.events import Streams
from smaply_metrics_host.web.refusals import handle_errors
from smaply_metrics_host.web.security import Protection
from smaply_metrics_host.web.sign_in import CookieSignIn, SignIn
from smaply_metrics_host.web.templating import Templates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from smaply_metrics_host.settings import HostSettings

PAGES: Final = (
    start,
    sign_in_pages,
    maps,
    map_live,
    map_charts,
    map_cards,
    map_editing,
    metric_pages,
    metric_form,
    preview,
    upload,
    integrations,
    connection,
    debug,
    account,
    job_pages,
    static,
)


def create_app(
    settings: HostSettings,
    *,
    clock: Clock | None = None,
    registry: SourceRegistry | None = None,
    sign_in: Callable[[People], SignIn] = CookieSignIn,
) -> FastAPI:
    """Make the app; what it needs is opened when it starts and closed when it ends.

    Args:
        settings: What the operator decided.
        clock: The time by which metrics are due and sessions end; the machine's by default.
        registry: The sources; those installed by default.
        sign_in: Makes what says who a request comes from. A host with a sign-in of its own passes
            that; see ``SignIn``.
    """
    now = clock or SystemClock()

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        database = await run_in_threadpool(Database, settings.home)
        people = People(database, now)
        journeys = Journeys(database, now)
        jobs, faces, drawings = Jobs(now), Faces(), Drawings()
        templates = Templates(now, settings.support, drawings)
        try:
            async with AsyncMetricsHost(
                settings.framework, clock=now, registry=registry
            ) as metrics:
                map_views = MapViews(journeys, metrics, faces, templates)
                hub = Hub(map_views.look, now.monotonic)
                app.state.site = Site(
                    settings=settings,
                    clock=now,
                    metrics=metrics,
                    people=people,
                    journeys=journeys,
                    placing=Placing(database),
                    jobs=jobs,
                    downloads=await run_in_threadpool(Downloads, settings.home),
                    faces=faces,
                    drawings=drawings,
                    drafts=Drafts(now),
                    map_views=map_views,
                    hub=hub,
                    streams=Streams(),
                    sign_in=sign_in(people),
                    templates=templates,
                )
                yield
                await hub.close()
                await jobs.close()
        finally:
            await drawings.close()
            database.close()

    app = FastAPI(
        title="Smaply Metrics",
        version=__version__,
        lifespan=opened,
        docs_url=None,  # Their pages load scripts from elsewhere, which the policy forbids.
        redoc_url=None,
        redirect_slashes=False,  # It would lead to whatever host the request says that this is.
    )
    handle_errors(app)
    add_api(app)
    for part in PAGES:
        app.include_router(part.router)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(Protection, public_url=settings.public_url)
    return app
