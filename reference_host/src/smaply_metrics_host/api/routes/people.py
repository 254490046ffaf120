"""The people of an account: who is in it, inviting, roles, removing."""

from __future__ import annotations

from datetime import datetime, timedelta  # pydantic needs it at run time.
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_host.api.models import ApiModel, ShortName, example, id_in_path
from smaply_metrics_host.api.responses import refused
from smaply_metrics_host.api.routing import Admin, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.store.people import INVITATION_SECONDS, RoleName

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person

router = api_router("people", "/people")

PersonInPath = Annotated[str, id_in_path("person", "per_4f1d2a9be07c")]


class PersonView(ApiModel):
    """Somebody of the account."""

    id: str
    name: str
    role: RoleName

    @classmethod
    def of(cls, person: Person) -> PersonView:
        """Show a person."""
        return cls(id=person.id, name=person.name, role=RoleName.of(person.role))


class Invite(ApiModel):
    """Whom to let in, and what they may do."""

    model_config = example(name="Vera", role="viewer")

    name: ShortName
    role: RoleName


class Invitation(ApiModel):
    """Somebody's sign-in link. It is given this once: only a digest of it is kept."""

    person: PersonView
    link: str = Field(description="Signs in whoever presses Continue first, or sends it a POST.")
    expires_at: datetime


class NewRole(ApiModel):
    """What somebody may do from now on."""

    model_config = example(role="editor")

    role: RoleName


@router.get("")
async def list_people(app_state: CurrentAppState, admin: Admin) -> list[PersonView]:
    """List the people of the account, by name."""
    people = await run_in_threadpool(app_state.people.of_account, admin.account)
    return [PersonView.of(person) for person in people]


@router.post("", status_code=201)
async def invite_person(app_state: CurrentAppState, admin: Admin, body: Invite) -> Invitation:
    """Make a one-time sign-in link for somebody.

    Somebody of this name who is in the account already keeps their things, and has the role given
    from now on: so this is also how a person who lost their session gets in again.
    """

    def invite() -> tuple[str, Person | None]:
        token = app_state.people.invite(admin.account, body.name, body.role.role, by=admin)
        return token, app_state.people.invited(token)

    token, person = await run_in_threadpool(invite)
    if person is None:
        raise AssertionError("an invitation that was just made is good")
    return Invitation(
        person=PersonView.of(person),
        link=f"{app_state.settings.public_url}/sign-in/{token}",
        expires_at=app_state.clock.now() + timedelta(seconds=INVITATION_SECONDS),
    )


@router.patch("/{person_id}")
async def change_role(
    app_state: CurrentAppState, admin: Admin, person_id: PersonInPath, body: NewRole
) -> PersonView:
    """Give somebody another role.

    Their sessions have it at once. Nobody changes their own.
    """
    changed = await run_in_threadpool(
        app_state.people.change_role, admin.account, person_id, body.role.role, by=admin
    )
    return PersonView.of(changed)


@router.delete("/{person_id}", status_code=204, responses=refused(422))
async def remove_person(app_state: CurrentAppState, admin: Admin, person_id: PersonInPath) -> None:
    """Take somebody out of the account.

    Their sessions and links end at once. Nobody removes themselves.
    """
    await run_in_threadpool(app_state.people.remove, admin.account, person_id, by=admin)
