"""Share links of journey maps."""

from __future__ import annotations

from datetime import datetime  # pydantic needs it at run time.
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_host.api.models import ApiModel, MapInPath, example, id_in_path
from smaply_metrics_host.api.routing import Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.routes.maps.sharing import add_link, revoke_link
from smaply_metrics_host.store.share_links import DEFAULT_DAYS

if TYPE_CHECKING:
    from smaply_metrics_host.store.share_links import ShareLink

router = api_router("maps", "/maps/{map_id}/share-links")

LinkInPath = Annotated[str, id_in_path("share link", "sha_4f1d2a9be07c")]


class ShareLinkView(ApiModel):
    """A link with which people without an account read a map, until it expires."""

    id: str
    map: str = Field(description="The id of the map.")
    created_by: str = Field(description="Empty once this person was removed from the account.")
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = Field(description="The last use, to within five minutes.")

    @classmethod
    def of(cls, link: ShareLink) -> ShareLinkView:
        """Return the view of a link."""
        return cls(
            id=link.id,
            map=link.map,
            created_by=link.created_by,
            created_at=link.created_at,
            expires_at=link.expires_at,
            used_at=link.used_at,
        )


class NewShareLink(ApiModel):
    """A share link to create."""

    model_config = example(days=30)

    days: Literal[7, 30, 90] = Field(
        default=DEFAULT_DAYS, description="After how many days it expires."
    )


class CreatedShareLink(ApiModel):
    """A new share link with its URL."""

    share_link: ShareLinkView
    link: str = Field(description="The URL of the map, which is returned only once.")


@router.get("")
async def list_share_links(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath
) -> list[ShareLinkView]:
    """List the share links of a map that have not expired, newest first."""
    found = await run_in_threadpool(app_state.share_links.of_map, editor.account, map_id)
    return [ShareLinkView.of(one) for one in found]


@router.post("", status_code=201)
async def create_share_link(
    app_state: CurrentAppState, editor: Editor, map_id: MapInPath, body: NewShareLink
) -> CreatedShareLink:
    """Create a share link.

    Everyone who has it can read the map without signing in, and nothing else of the account.
    """
    made, address = await add_link(app_state, editor, map_id, body.days)
    return CreatedShareLink(share_link=ShareLinkView.of(made), link=address)


@router.delete("/{link_id}", status_code=204)
async def revoke_share_link(
    app_state: CurrentAppState,
    editor: Editor,
    map_id: MapInPath,
    link_id: LinkInPath,
) -> None:
    """Revoke a share link.

    It no longer works, and pages that show the map by it end.
    """
    await revoke_link(app_state, editor, map_id, link_id)
