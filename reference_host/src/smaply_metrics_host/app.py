"""The web app."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from smaply_metrics_core.host import AsyncMetricsHost, Clock, SourceRegistry, SystemClock
from smaply_metrics_host import __version__
from smaply_metrics_host.api import add_api
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.downloads import Downloads
from smaply_metrics_host.error_handlers import handle_errors
from smaply_metrics_host.jobs import Jobs
from smaply_metrics_host.live_updates import LiveUpdates
from smaply_metrics_host.metric_form.drafts import Drafts
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer
from smaply_metrics_host.rendering.map_renderer import MapRenderer
from smaply_metrics_host.rendering.result_renderer import ResultRenderer
from smaply_metrics_host.rendering.templating import Templates
from smaply_metrics_host.routes import (
    account,
    chosen_metrics,
    chosen_surveys,
    connection_columns,
    connection_proposals,
    connections,
    debug_bundles,
    entered_values,
    health,
    home,
    integrations,
    metric_form,
    metric_preview,
    static_files,
    uploads,
)
from smaply_metrics_host.routes import jobs as job_pages
from smaply_metrics_host.routes import metrics as metric_pages
from smaply_metrics_host.routes import share_links as share_link_pages
from smaply_metrics_host.routes import sign_in as sign_in_pages
from smaply_metrics_host.routes.maps import (
    arrangement,
    card_files,
    card_page,
    cards,
    charts,
    pages,
    shared,
    sharing,
    structure,
)
from smaply_metrics_host.routes.maps import live_updates as live_update_pages
from smaply_metrics_host.settings import FILES
from smaply_metrics_host.store.card_placements import CardPlacements
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.store.map_arrangement import MapArrangement
from smaply_metrics_host.store.maps import Maps
from smaply_metrics_host.store.people import People
from smaply_metrics_host.store.removals import Removals
from smaply_metrics_host.store.share_links import ShareLinks
from smaply_metrics_host.uploads.staged_uploads import StagedUploads
from smaply_metrics_host.uploads.upload_storage import UploadStorage
from smaply_metrics_host.uploads.upload_transactions import undo_left_uploads
from smaply_metrics_host.web.authentication import Authentication, SessionAuthentication
from smaply_metrics_host.web.correlation import CorrelationMiddleware
from smaply_metrics_host.web.middleware import SecurityMiddleware
from smaply_metrics_host.web.root_path import RootPathMiddleware
from smaply_metrics_host.web.routing import share_routes
from smaply_metrics_host.web.server_sent_events import Streams
from smaply_metrics_host.web.token_buckets import TokenBuckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from smaply_metrics_host.settings import HostSettings

GUEST_BURST: Final = 600
GUEST_REQUESTS_PER_SECOND: Final = 10.0
"""Of all guests with one share link together; opening a map takes about five requests."""
PAGES: Final = (
    health,
    home,
    sign_in_pages,
    pages,
    live_update_pages,
    charts,
    card_files,
    cards,
    card_page,
    structure,
    arrangement,
    sharing,
    shared,
    chosen_metrics,
    metric_pages,
    metric_form,
    metric_preview,
    uploads,
    entered_values,
    integrations,
    connections,
    connection_columns,
    connection_proposals,
    chosen_surveys,
    debug_bundles,
    account,
    share_link_pages,
    job_pages,
    static_files,
)


def create_app(
    settings: HostSettings,
    *,
    clock: Clock | None = None,
    registry: SourceRegistry | None = None,
    authentication: Callable[[People], Authentication] = SessionAuthentication,
) -> FastAPI:
    """Return the app, which opens its resources on start and closes them on shutdown.

    Args:
        settings: The settings of the host.
        clock: The clock for refreshes and sessions; by default the system clock, and for metrics in
            PostgreSQL the clock of the database.
        registry: The sources; the installed ones by default.
        authentication: Returns the ``Authentication`` that identifies the person who makes a
            request.
    """
    now = clock or SystemClock()

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        database = await run_in_threadpool(Database, settings.home)
        people = People(database, now)
        maps = Maps(database, now)
        jobs, result_renderer, chart_renderer = Jobs(now), ResultRenderer(), ChartRenderer()
        templates = Templates(now, settings.support, chart_renderer, root=settings.root_path)
        try:
            async with AsyncMetricsHost(
                settings.framework, clock=clock, registry=registry
            ) as metrics:
                await metrics.keys.require()
                await metrics.accounts.register(*await run_in_threadpool(people.accounts))
                await run_in_threadpool(undo_left_uploads, settings.home / FILES)
                downloads = await run_in_threadpool(Downloads, settings.home)
                staged_uploads = await run_in_threadpool(StagedUploads, settings.home, now)
                removals = await run_in_threadpool(Removals, database, now)
                share_links = await run_in_threadpool(ShareLinks, database, now)
                map_renderer = MapRenderer(maps, metrics, result_renderer, templates, now.now)
                live_updates = LiveUpdates(map_renderer.look, now.monotonic)
                app.state.app_state = AppState(
                    settings=settings,
                    clock=now,
                    metrics=metrics,
                    database=database,
                    people=people,
                    maps=maps,
                    card_placements=CardPlacements(database),
                    arrangement=MapArrangement(database),
                    removals=removals,
                    share_links=share_links,
                    jobs=jobs,
                    downloads=downloads,
                    staged_uploads=staged_uploads,
                    upload_storage=UploadStorage(metrics, settings, now),
                    result_renderer=result_renderer,
                    chart_renderer=chart_renderer,
                    drafts=Drafts(now),
                    map_renderer=map_renderer,
                    live_updates=live_updates,
                    streams=Streams(),
                    authentication=authentication(people),
                    templates=templates,
                    guest_requests=TokenBuckets(now, GUEST_BURST, GUEST_REQUESTS_PER_SECOND),
                )
                yield
                await live_updates.close()
                await jobs.close()
                await run_in_threadpool(downloads.close)
                await run_in_threadpool(staged_uploads.close)
        finally:
            await chart_renderer.close()
            database.close()

    app = FastAPI(
        title="Smaply Metrics",
        version=__version__,
        lifespan=opened,
        docs_url=None,  # These pages load scripts that the content security policy forbids.
        redoc_url=None,
        redirect_slashes=False,  # The redirect would trust the Host header of the request.
        # FastAPI's own exports paths, which have the tokens of links, and keeps the bodies of
        # requests, which have API tokens, with their errors.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    handle_errors(app)
    add_api(app)
    share_routes(app, [part.router for part in PAGES])

    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(SecurityMiddleware, public_url=settings.public_url)
    app.add_middleware(CorrelationMiddleware)
    app.add_middleware(RootPathMiddleware, root_path=settings.root_path)
    return app
