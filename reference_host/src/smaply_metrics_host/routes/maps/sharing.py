"""The share links of a map: create, list, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.charts import instant_text
from smaply_metrics_core.host import AuditAction
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.store.share_links import DAYS, DEFAULT_DAYS
from smaply_metrics_host.web.forms import texts, whole

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person
    from smaply_metrics_host.store.share_links import ShareLink

router = APIRouter(prefix="/maps/{map_id}/share", include_in_schema=False)

REVOKED: Final = "revoked"


@router.get("")
async def show(
    request: Request,
    app_state: CurrentAppState,
    person: Editor,
    map_id: str,
    done: Annotated[str, Query()] = "",
) -> Response:
    """List the links of a map."""
    return await _page(request, app_state, person, map_id, revoked=done == REVOKED)


@router.post("")
async def create(
    request: Request, app_state: CurrentAppState, person: Editor, form: CheckedForm, map_id: str
) -> Response:
    """Create a link and show it once."""
    days = whole(texts(form).get("days", str(DEFAULT_DAYS))) or 0
    _, address = await add_link(app_state, person, map_id, days)
    return await _page(request, app_state, person, map_id, link=address)


@router.post("/{link_id}/revoke")
async def revoke(
    app_state: CurrentAppState, person: Editor, _form: CheckedForm, map_id: str, link_id: str
) -> Response:
    """Revoke a link."""
    await revoke_link(app_state, person, map_id, link_id)
    return RedirectResponse(f"/maps/{map_id}/share?done={REVOKED}", 303)


async def add_link(
    app_state: AppState, person: Person, map_id: str, days: int
) -> tuple[ShareLink, str]:
    """Create a share link; return it with its URL.

    The URL is returned only once the audit trail names the link, so no unrecorded link is usable.

    Raises:
        InputError: if the number of days is not offered, the map has too many links, or maps of
            this account may not be shared.
        NotFound: if this account has no such map.
        StoreError: if the audit trail cannot be written.
    """
    link, token = await run_in_threadpool(app_state.share_links.add, map_id, days, by=person)
    detail = f"{link.map_name}, for {days} days"
    await app_state.metrics.audit.record(person.actor, AuditAction.SHARE, map_id, detail)
    return link, f"{app_state.settings.address}/shared/{token}/map"


async def revoke_link(app_state: AppState, person: Person, map_id: str, link_id: str) -> None:
    """Revoke a share link: pages that show the map by it end.

    Raises:
        NotFound: if this account has no such link of this map.
    """
    journey = await run_in_threadpool(app_state.maps.show, person.account, map_id)
    await run_in_threadpool(app_state.share_links.revoke, person.account, map_id, link_id)
    app_state.live_updates.check_access(person.account, map_id)
    await app_state.metrics.audit.record(person.actor, AuditAction.END_SHARE, map_id, journey.name)


async def _page(  # noqa: PLR0913  # The page and the result of the last action.
    request: Request,
    app_state: AppState,
    person: Person,
    map_id: str,
    *,
    link: str = "",
    revoked: bool = False,
) -> Response:
    journey = await run_in_threadpool(app_state.maps.show, person.account, map_id)
    found = await run_in_threadpool(app_state.share_links.of_map, person.account, map_id)
    zone = (await app_state.metrics.accounts.show(person.actor)).zone
    return app_state.templates.page(
        request,
        "map_share.html",
        journey=journey,
        links=[(one, instant_text(one.expires_at, zone)) for one in found],
        allowed=await run_in_threadpool(app_state.share_links.allowed, person.account),
        days=DAYS,
        chosen_days=DEFAULT_DAYS,
        link=link,
        revoked=revoked,
    )
