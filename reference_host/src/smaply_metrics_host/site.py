"""What every route works with, opened once for a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    from smaply_metrics_core.host import AsyncMetricsHost, Clock
    from smaply_metrics_host.downloads import Downloads
    from smaply_metrics_host.drawings import Drawings
    from smaply_metrics_host.faces import Faces
    from smaply_metrics_host.jobs import Jobs
    from smaply_metrics_host.live import Hub
    from smaply_metrics_host.making.drafts import Drafts
    from smaply_metrics_host.map_views import MapViews
    from smaply_metrics_host.settings import HostSettings
    from smaply_metrics_host.store.journeys import Journeys
    from smaply_metrics_host.store.people import People
    from smaply_metrics_host.store.placing import Placing
    from smaply_metrics_host.web.events import Streams
    from smaply_metrics_host.web.sign_in import SignIn
    from smaply_metrics_host.web.templating import Templates


@dataclass(frozen=True)
class Site:
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
    journeys: Journeys
    placing: Placing
    jobs: Jobs
    downloads: Downloads
    faces: Faces
    drawings: Drawings
    drafts: Drafts
    map_views: MapViews
    hub: Hub
    streams: Streams
    sign_in: SignIn
    templates: Templates


async def _site(request: Request) -> Site:  # Were it not async, it would take a thread.
    site: Site = request.app.state.site
    return site


CurrentSite = Annotated[Site, Depends(_site)]
