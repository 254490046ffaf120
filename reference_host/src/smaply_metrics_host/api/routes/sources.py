"""The installed sources and their connection forms."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.host import Role, SourceForm, SourceState
from smaply_metrics_host.api.models import SourceInPath
from smaply_metrics_host.api.responses import errors
from smaply_metrics_host.api.routing import Admin, Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState

router = api_router("sources", "/sources")

FOR_OPERATOR: Final = "The operator of this installation can fix it."


@router.get("")
async def list_sources(app_state: CurrentAppState, editor: Editor) -> list[SourceState]:
    """List the installed sources.

    Only Admins see the details of why a source cannot be used.
    """
    states = await app_state.metrics.sources.states(load=True)
    if editor.role >= Role.ADMIN:
        return list(states)
    return [
        state.model_copy(update={"reason": FOR_OPERATOR}) if state.reason else state
        for state in states
    ]


@router.get("/{source_id}/form", responses=errors(502))
async def show_source_form(
    app_state: CurrentAppState, _admin: Admin, source_id: SourceInPath
) -> SourceForm:
    """Get the fields and check steps of a source."""
    return await app_state.metrics.connections.form(source_id)
