"""Workspaces, which contain metrics and journey maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from starlette.concurrency import run_in_threadpool

from smaply_metrics_host.api.models import ApiModel, ShortName, example, id_in_path
from smaply_metrics_host.api.routing import Admin, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Workspace

router = api_router("workspaces", "/workspaces")

WorkspaceInPath = Annotated[str, id_in_path("workspace", "wor_4f1d2a9be07c")]


class WorkspaceView(ApiModel):
    """A workspace."""

    id: str
    name: str

    @classmethod
    def of(cls, workspace: Workspace) -> WorkspaceView:
        """Return the view of a workspace."""
        return cls(id=workspace.id, name=workspace.name)


class NamedWorkspace(ApiModel):
    """The name of a workspace, unique in the account."""

    model_config = example(name="Retail")

    name: ShortName


@router.get("")
async def list_workspaces(app_state: CurrentAppState, person: Viewer) -> list[WorkspaceView]:
    """List the workspaces of the account, sorted by name."""
    found = await run_in_threadpool(app_state.people.workspaces, person.account)
    return [WorkspaceView.of(workspace) for workspace in found]


@router.post("", status_code=201)
async def add_workspace(
    app_state: CurrentAppState, admin: Admin, body: NamedWorkspace
) -> WorkspaceView:
    """Create a workspace."""
    made = await run_in_threadpool(app_state.people.add_workspace, admin.account, body.name)
    return WorkspaceView.of(made)


@router.patch("/{workspace_id}")
async def rename_workspace(
    app_state: CurrentAppState, admin: Admin, workspace_id: WorkspaceInPath, body: NamedWorkspace
) -> WorkspaceView:
    """Rename a workspace."""
    renamed = await run_in_threadpool(
        app_state.people.rename_workspace, admin.account, workspace_id, body.name
    )
    return WorkspaceView.of(renamed)
