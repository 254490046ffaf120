"""Account settings → Account: dates and times, people, workspaces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import AccountSettings, InputError, NotFound
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Admin, CheckedForm
from smaply_metrics_host.store.people import RoleName
from smaply_metrics_host.web.forms import decimal, texts, whole
from smaply_metrics_host.web.time_zones import zones

if TYPE_CHECKING:
    from smaply_metrics_core.host import Problem
    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/account", include_in_schema=False)

PAGE: Final = "/settings/account"
WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
LEVELS: Final = (80.0, 90.0, 95.0, 99.0, 99.9)
"""The levels of confidence to choose from, in percent."""

SAVED: Final = {
    "time": "Settings saved.",
    "role": "Role changed. It applies immediately.",
    "removed": "Person removed and signed out everywhere.",
    "workspace": "Workspace saved.",
}
"""The confirmation by action."""
PARTS: Final = {"time": "times", "role": "people", "removed": "people", "workspace": "workspaces"}


@router.get("")
async def show(
    request: Request, app_state: CurrentAppState, person: Admin, saved: Annotated[str, Query()] = ""
) -> Response:
    """Show the settings of the account."""
    return await _page(request, app_state, person, saved=saved)


@router.post("/times")
async def save_times(
    request: Request, app_state: CurrentAppState, person: Admin, form: CheckedForm
) -> Response:
    """Change the time zone, first day of the week, confidence and smallest group."""
    given = texts(form)
    old = await app_state.metrics.accounts.show(person.actor)
    try:
        settings = AccountSettings(
            given.get("zone", ""),
            whole(given.get("week_start", "")) or 0,
            decimal(given.get("confidence", "")) or 0,
            _minimum(given.get("minimum_group"), old),
        )
        await app_state.metrics.accounts.edit(person.actor, settings)
    except InputError as error:
        return await _page(request, app_state, person, at="times", problem=error.to_problem())
    return _done("time")


@router.post("/zone")
async def choose_zone(app_state: CurrentAppState, person: Admin, form: CheckedForm) -> Response:
    """Choose the proposed time zone, or keep the current one."""
    old = await app_state.metrics.accounts.show(person.actor)
    settings = replace(old, zone=texts(form).get("zone", ""))
    await app_state.metrics.accounts.edit(person.actor, settings)
    return RedirectResponse("/maps", 303)


@router.post("/people")
async def invite(
    request: Request, app_state: CurrentAppState, person: Admin, form: CheckedForm
) -> Response:
    """Invite a person and show their sign-in link once."""
    given = texts(form)
    name = given.get("name", "").strip()
    try:
        role = _role(given)
        await _require_new(app_state, person, name)
        token = await run_in_threadpool(
            app_state.people.invite, person.account, name, role.role, by=person
        )
    except InputError as error:
        return await _page(
            request, app_state, person, at="invite", problem=error.to_problem(), typed=given
        )
    return await _link(request, app_state, token)


@router.post("/people/{person_id}/link")
async def new_link(
    request: Request, app_state: CurrentAppState, person: Admin, _form: CheckedForm, person_id: str
) -> Response:
    """Create another sign-in link for a person of the account."""
    who = await _find(app_state, person, person_id)
    token = await run_in_threadpool(app_state.people.invite, person.account, who.name, who.role)
    return await _link(request, app_state, token)


@router.post("/people/{person_id}/role")
async def change_role(
    request: Request, app_state: CurrentAppState, person: Admin, form: CheckedForm, person_id: str
) -> Response:
    """Change the role of a person."""
    await _find(app_state, person, person_id)
    try:
        role = _role(texts(form)).role
        await run_in_threadpool(
            app_state.people.change_role, person.account, person_id, role, by=person
        )
    except InputError as error:
        return await _page(request, app_state, person, at="people", problem=error.to_problem())
    return _done("role")


@router.get("/people/{person_id}/remove")
async def ask_to_remove(
    request: Request, app_state: CurrentAppState, person: Admin, person_id: str
) -> Response:
    """Confirm the removal of a person."""
    who = await _find(app_state, person, person_id)
    links = await run_in_threadpool(app_state.share_links.of_account, person.account)
    theirs = sum(one.created_by == who.name for one in links)
    return app_state.templates.page(request, "account_remove.html", who=who, links=theirs)


@router.post("/people/{person_id}/remove")
async def remove(
    request: Request, app_state: CurrentAppState, person: Admin, _form: CheckedForm, person_id: str
) -> Response:
    """Remove a person from the account."""
    await _find(app_state, person, person_id)
    try:
        await run_in_threadpool(app_state.people.remove, person.account, person_id, by=person)
    except InputError as error:
        return await _page(request, app_state, person, at="people", problem=error.to_problem())
    return _done("removed")


@router.post("/workspaces")
async def add_workspace(
    request: Request, app_state: CurrentAppState, person: Admin, form: CheckedForm
) -> Response:
    """Create a workspace."""
    given = texts(form)
    try:
        await run_in_threadpool(
            app_state.people.add_workspace, person.account, given.get("workspace", "")
        )
    except InputError as error:
        return await _page(
            request, app_state, person, at="workspaces", problem=error.to_problem(), typed=given
        )
    return _done("workspace")


@router.post("/workspaces/{workspace_id}")
async def rename_workspace(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    form: CheckedForm,
    workspace_id: str,
) -> Response:
    """Rename a workspace."""
    await run_in_threadpool(app_state.people.workspace, person.account, workspace_id)
    name = texts(form).get("name", "")
    try:
        await run_in_threadpool(
            app_state.people.rename_workspace, person.account, workspace_id, name
        )
    except InputError as error:
        return await _page(request, app_state, person, at="workspaces", problem=error.to_problem())
    return _done("workspace")


async def _page(  # noqa: PLR0913  # The result of an action, or its problem.
    request: Request,
    app_state: AppState,
    person: Person,
    *,
    saved: str = "",
    at: str = "",
    problem: Problem | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    settings = await app_state.metrics.accounts.show(person.actor)
    people = await run_in_threadpool(app_state.people.of_account, person.account)
    workspaces = await run_in_threadpool(app_state.people.workspaces, person.account)
    return app_state.templates.page(
        request,
        "account.html",
        status=422 if problem else 200,
        settings=settings,
        zones=await run_in_threadpool(zones, app_state.clock.now(), settings.zone),
        weekdays=WEEKDAYS,
        levels=sorted({*LEVELS, settings.confidence}),
        people=people,
        roles=tuple(RoleName),
        workspaces=workspaces,
        done=SAVED.get(saved, ""),
        at=PARTS.get(saved, at),
        problem=problem,
        typed=typed or {},
    )


async def _link(request: Request, app_state: AppState, token: str) -> Response:
    who = await run_in_threadpool(app_state.people.invited, token)
    link = f"{app_state.settings.address}/sign-in/{token}"
    return app_state.templates.page(request, "account_link.html", who=who, link=link)


async def _require_new(app_state: AppState, person: Person, name: str) -> None:
    people = await run_in_threadpool(app_state.people.of_account, person.account)
    if name in {one.name for one in people}:
        raise InputError(
            f"{name} is already in this account.",
            remedy="Create a new link next to their name, or enter another name.",
        )


async def _find(app_state: AppState, person: Person, person_id: str) -> Person:
    for one in await run_in_threadpool(app_state.people.of_account, person.account):
        if one.id == person_id:
            return one
    raise NotFound("This person is not in the account.", remedy="Choose a person from the list.")


def _minimum(text: str | None, old: AccountSettings) -> int:
    if text is None:
        return old.minimum_group
    found = whole(text.strip() or "0")
    if found is None:
        raise InputError(
            "The smallest group is not a whole number.",
            remedy="Enter a number of answers, or 0 to show all groups.",
        )
    return found


def _role(given: dict[str, str]) -> RoleName:
    try:
        return RoleName(given.get("role", ""))
    except ValueError:
        raise InputError(
            "This role does not exist.", remedy="Choose a role from the list."
        ) from None


def _done(what: str) -> Response:
    return RedirectResponse(f"{PAGE}?saved={what}#{PARTS[what]}", 303)
