"""Account settings → Share links: the links of all maps, and whether maps may be shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.charts import instant_text
from smaply_metrics_core.host import AuditAction, InputError
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin, CheckedForm
from smaply_metrics_host.routes.maps.sharing import revoke_link
from smaply_metrics_host.web.forms import texts
from smaply_metrics_host.web.text import count

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person
    from smaply_metrics_host.store.share_links import ShareLink

PAGE: Final = "/settings/share-links"

router = APIRouter(prefix=PAGE, include_in_schema=False)

SAVED: Final = {
    "on": "Share links are switched on. Links that have not expired work.",
    "off": "Share links are switched off. No link works, and none can be created.",
    "revoked": "Link revoked. It no longer works.",
    "all": "All links revoked. They no longer work.",
}
"""The confirmation by action."""


@router.get("")
async def show(
    request: Request, app_state: CurrentAppState, person: Admin, saved: Annotated[str, Query()] = ""
) -> Response:
    """List the links of all maps of the account."""
    links = await run_in_threadpool(app_state.share_links.of_account, person.account)
    zone = (await app_state.metrics.accounts.show(person.actor)).zone
    return app_state.templates.page(
        request,
        "share_links.html",
        links=[(one, instant_text(one.expires_at, zone)) for one in links],
        allowed=await run_in_threadpool(app_state.share_links.allowed, person.account),
        done=SAVED.get(saved, ""),
    )


@router.post("/setting")
async def save_setting(app_state: CurrentAppState, person: Admin, form: CheckedForm) -> Response:
    """Switch share links on or off."""
    chosen = texts(form).get("sharing", "")
    if chosen not in {"on", "off"}:
        raise InputError(
            "This setting does not exist.",
            remedy="Go back, reload the page and switch share links on or off.",
        )
    await _allow_links(app_state, person, allowed=chosen == "on")
    return RedirectResponse(f"{PAGE}?saved={chosen}", 303)


@router.post("/{map_id}/{link_id}/revoke")
async def revoke(
    app_state: CurrentAppState, person: Admin, _form: CheckedForm, map_id: str, link_id: str
) -> Response:
    """Revoke a link."""
    await revoke_link(app_state, person, map_id, link_id)
    return RedirectResponse(f"{PAGE}?saved=revoked", 303)


@router.get("/revoke")
async def ask_to_revoke_all(
    request: Request, app_state: CurrentAppState, person: Admin
) -> Response:
    """Confirm the revocation of all links."""
    links = await run_in_threadpool(app_state.share_links.of_account, person.account)
    return app_state.templates.page(
        request,
        "map_confirm.html",
        title="Revoke all share links?",
        text=f"This account has {count(len(links), 'link')}. Everyone who uses a link loses "
        "access at once, and revoked links never work again.",
        action=f"{PAGE}/revoke",
        label="Revoke all",
        back=PAGE,
    )


@router.post("/revoke")
async def revoke_all(app_state: CurrentAppState, person: Admin, _form: CheckedForm) -> Response:
    """Revoke all links of the account."""
    links = await run_in_threadpool(app_state.share_links.revoke_all, person.account)
    if links:
        _end_open_pages(app_state, person, links)
        detail = f"all links of the account: {count(len(links), 'link')}"
        await app_state.metrics.audit.record(
            person.actor, AuditAction.END_SHARE, person.account, detail
        )
    return RedirectResponse(f"{PAGE}?saved=all", 303)


async def _allow_links(app_state: AppState, person: Person, *, allowed: bool) -> None:
    """Allow or forbid share links, with an entry of the audit trail if that is a change.

    Links are valid again only once the audit trail says so. When they are forbidden, pages that
    show a map by a link end.
    """
    store, audit = app_state.share_links, app_state.metrics.audit
    if await run_in_threadpool(store.allowed, person.account) is allowed:
        return
    if allowed:
        await audit.record(
            person.actor, AuditAction.SHARE, person.account, "share links switched on"
        )
        await run_in_threadpool(store.allow, person.account, allowed=True)
        return
    await run_in_threadpool(store.allow, person.account, allowed=False)
    links = await run_in_threadpool(store.of_account, person.account)
    _end_open_pages(app_state, person, links)
    await audit.record(
        person.actor, AuditAction.END_SHARE, person.account, "share links switched off"
    )


def _end_open_pages(app_state: AppState, person: Person, links: tuple[ShareLink, ...]) -> None:
    for map_id in {link.map for link in links}:
        app_state.live_updates.check_access(person.account, map_id)
