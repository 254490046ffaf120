"""The people of an account: list, invite, change roles, remove."""

from __future__ import annotations

from datetime import datetime, timedelta  # Needed by pydantic.
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_host.api.models import ApiModel, ShortName, example, id_in_path
from smaply_metrics_host.api.responses import errors
from smaply_metrics_host.api.routing import Admin, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.store.people import INVITATION_SECONDS, RoleName

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person

router = api_router("people", "/people")

PersonInPath = Annotated[str, id_in_path("person", "per_4f1d2a9be07c")]


class PersonView(ApiModel):
    """A person of the account."""

    id: str
    name: str
    role: RoleName

    @classmethod
    def of(cls, person: Person) -> PersonView:
        """Return the view of a person."""
        return cls(id=person.id, name=person.name, role=RoleName.of(person.role))


class Invite(ApiModel):
    """A person to invite."""

    model_config = example(name="Vera", role="viewer")

    name: ShortName
    role: RoleName


class Invitation(ApiModel):
    """A sign-in link. It is returned only once, because only its digest is stored."""

    person: PersonView
    link: str = Field(description="A one-time link. Selecting Continue (a POST request) signs in.")
    expires_at: datetime


class NewRole(ApiModel):
    """The new role of a person."""

    model_config = example(role="editor")

    role: RoleName


@router.get("")
async def list_people(app_state: CurrentAppState, admin: Admin) -> list[PersonView]:
    """List the people of the account, sorted by name."""
    people = await run_in_threadpool(app_state.people.of_account, admin.account)
    return [PersonView.of(person) for person in people]


@router.post("", status_code=201)
async def invite_person(app_state: CurrentAppState, admin: Admin, body: Invite) -> Invitation:
    """Create a one-time sign-in link.

    If a person with this name exists, they keep their data and get the new role. Use this also for
    people who have to sign in again.
    """

    def invite() -> tuple[str, Person | None]:
        token = app_state.people.invite(admin.account, body.name, body.role.role, by=admin)
        return token, app_state.people.invited(token)

    token, person = await run_in_threadpool(invite)
    if person is None:
        raise AssertionError("a new invitation is valid")
    return Invitation(
        person=PersonView.of(person),
        link=f"{app_state.settings.address}/sign-in/{token}",
        expires_at=app_state.clock.now() + timedelta(seconds=INVITATION_SECONDS),
    )


@router.patch("/{person_id}")
async def change_role(
    app_state: CurrentAppState, admin: Admin, person_id: PersonInPath, body: NewRole
) -> PersonView:
    """Change the role of a person.

    It takes effect in their sessions immediately. You cannot change your own role.
    """
    changed = await run_in_threadpool(
        app_state.people.change_role, admin.account, person_id, body.role.role, by=admin
    )
    return PersonView.of(changed)


@router.delete("/{person_id}", status_code=204, responses=errors(422))
async def remove_person(app_state: CurrentAppState, admin: Admin, person_id: PersonInPath) -> None:
    """Remove a person from the account.

    Their sessions and sign-in links end immediately. You cannot remove yourself.
    """
    await run_in_threadpool(app_state.people.remove, admin.account, person_id, by=admin)
