"""What every route works with, opened once for a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
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
        journeys: Journey maps; synchronous, for the thread pool.
        placing: The cards on them; synchronous, for the thread pool.
        jobs: What runs longer than a request.
        downloads: Where jobs make files.
        faces: What values look like.
        drawings: Their charts.
        drafts: Forms of metrics that people have put aside.
        map_views: Maps with their cards as they are now.
        hub: Tells open maps of changes.
        streams: Those that pages listen to.
        sign_in: Says who a request comes from.
    """

    settings: HostSettings
    clock: Clock
    metrics: AsyncMetricsHost
    people: People
    journeys: Maps
    placing: CardPlacements
    jobs: Jobs
    downloads: Downloads
    faces: ResultRenderer
    drawings: ChartRenderer
    drafts: Drafts
    map_views: MapRenderer
    hub: LiveUpdates
    streams: Streams
    sign_in: Authentication
    templates: Templates


async def _site(request: Request) -> AppState:  # Were it not async, it would take a thread.
    site: AppState = request.app.state.site
    return site


CurrentAppState = Annotated[AppState, Depends(_site)]
