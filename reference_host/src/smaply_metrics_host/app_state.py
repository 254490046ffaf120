"""The resources of the app, opened once per process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request

from smaply_metrics_core.host import AsyncMetricsHost, Clock, HealthCheck, SingleFlight
from smaply_metrics_host.downloads import Downloads
from smaply_metrics_host.jobs import Jobs
from smaply_metrics_host.live_updates import LiveUpdates
from smaply_metrics_host.metric_form.drafts import Drafts
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer
from smaply_metrics_host.rendering.map_renderer import MapRenderer
from smaply_metrics_host.rendering.result_renderer import ResultRenderer
from smaply_metrics_host.rendering.templating import Templates
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.store.card_placements import CardPlacements
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.store.map_arrangement import MapArrangement
from smaply_metrics_host.store.maps import Maps
from smaply_metrics_host.store.people import People
from smaply_metrics_host.store.removals import Removals
from smaply_metrics_host.store.share_links import ShareLinks
from smaply_metrics_host.uploads.staged_uploads import StagedUploads
from smaply_metrics_host.uploads.upload_storage import UploadStorage
from smaply_metrics_host.web.authentication import Authentication
from smaply_metrics_host.web.server_sent_events import Streams
from smaply_metrics_host.web.token_buckets import TokenBuckets

MOST_UPLOADS_AT_ONCE: Final = 2


@dataclass(frozen=True)
class AppState:
    """The parts of the host app.

    Attributes:
        metrics: The framework.
        database: The database of maps and people, for the probes.
        people: Accounts, people and sessions. Blocking: call it in the thread pool.
        maps: Journey maps. Blocking: call it in the thread pool.
        card_placements: Cards on maps. Blocking: call it in the thread pool.
        arrangement: The order of stages, lanes and cards. Blocking: call it in the thread pool.
        removals: What was removed from maps. Blocking: call it in the thread pool.
        share_links: Links for people without an account. Blocking: call it in the thread pool.
        jobs: Background jobs.
        downloads: The folder for the files of jobs.
        staged_uploads: Uploaded files that people preview.
        upload_storage: Stores uploaded files and connects them.
        result_renderer: Renders values.
        chart_renderer: Renders charts.
        drafts: Stored drafts of metric forms.
        map_renderer: Renders maps with their current cards.
        live_updates: Notifies open maps of changes.
        streams: The open event streams.
        authentication: Identifies the person who makes a request.
        readiness: Shares the checks of concurrent probes.
        guest_requests: Limits the requests of guests for each share link.
        uploading: Limits how many uploaded files are read at once, since each takes memory.
    """

    settings: HostSettings
    clock: Clock
    metrics: AsyncMetricsHost
    database: Database
    people: People
    maps: Maps
    card_placements: CardPlacements
    arrangement: MapArrangement
    removals: Removals
    share_links: ShareLinks
    jobs: Jobs
    downloads: Downloads
    staged_uploads: StagedUploads
    upload_storage: UploadStorage
    result_renderer: ResultRenderer
    chart_renderer: ChartRenderer
    drafts: Drafts
    map_renderer: MapRenderer
    live_updates: LiveUpdates
    streams: Streams
    authentication: Authentication
    templates: Templates
    guest_requests: TokenBuckets
    readiness: SingleFlight[tuple[HealthCheck, ...]] = field(
        default_factory=lambda: SingleFlight(join_running=True)
    )
    uploading: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(MOST_UPLOADS_AT_ONCE)
    )


async def _app_state(request: Request) -> AppState:  # Async, so that it runs without a thread.
    app_state: AppState = request.app.state.app_state
    return app_state


CurrentAppState = Annotated[AppState, Depends(_app_state)]
