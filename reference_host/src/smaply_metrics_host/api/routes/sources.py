"""The sources that are installed, and what each asks for when it is connected."""

from __future__ import annotations

from smaply_metrics_core.host import SourceForm, SourceState
from smaply_metrics_host.api.models import SourceInPath
from smaply_metrics_host.api.responses import refused
from smaply_metrics_host.api.routing import Admin, Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState

router = api_router("sources", "/sources")


@router.get("")
async def list_sources(app_state: CurrentAppState, _editor: Editor) -> list[SourceState]:
    """List every source that is installed, and why it cannot be used where that is so."""
    return list(await app_state.metrics.sources.states(load=True))


@router.get("/{source_id}/form", responses=refused(502))
async def show_source_form(
    app_state: CurrentAppState, _admin: Admin, source_id: SourceInPath
) -> SourceForm:
    """Say what a source asks for, and what is checked when it is connected."""
    return await app_state.metrics.connections.form(source_id)
