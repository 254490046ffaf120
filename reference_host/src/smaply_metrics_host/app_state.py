"""What every route uses, opened once for a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from smaply_metrics_core.host import AsyncMetricsHost, Clock
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
from smaply_metrics_host.store.maps import Maps
from smaply_metrics_host.store.people import People
from smaply_metrics_host.web.authentication import Authentication
from smaply_metrics_host.web.server_sent_events import Streams


@dataclass(frozen=True)
class AppState:
    """The parts of the host app.

    Attributes:
        metrics: The framework.
        people: Accounts, people, sessions; synchronous, for the thread pool.
        maps: Journey maps; synchronous, for the thread pool.
        card_placements: The cards on them; synchronous, for the thread pool.
        jobs: What runs longer than a request.
        downloads: Where jobs make files.
        result_renderer: Renders values.
        chart_renderer: Draws their charts.
        drafts: Forms of metrics that people have put aside.
        map_renderer: Renders maps with their cards as they are now.
        live_updates: Notifies open maps of changes.
        streams: Those that pages listen to.
        authentication: Identifies the person of a request.
    """

    settings: HostSettings
    clock: Clock
    metrics: AsyncMetricsHost
    people: People
    maps: Maps
    card_placements: CardPlacements
    jobs: Jobs
    downloads: Downloads
    result_renderer: ResultRenderer
    chart_renderer: ChartRenderer
    drafts: Drafts
    map_renderer: MapRenderer
    live_updates: LiveUpdates
    streams: Streams
    authentication: Authentication
    templates: Templates


async def _app_state(request: Request) -> AppState:  # Were it not async, it would take a thread.
    app_state: AppState = request.app.state.app_state
    return app_state


CurrentAppState = Annotated[AppState, Depends(_app_state)]
