"""The account's time zone and first day of the week."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smaply_metrics_core.host import AccountSettings
from smaply_metrics_host.api.models import ApiModel, example
from smaply_metrics_host.api.routing import Admin, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

router = api_router("account", "/account")

LONGEST_ZONE = 100

Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_ZONE,
        description="The IANA name of the time zone of all date ranges.",
    ),
]
WeekStart = Annotated[
    int, Field(ge=1, le=7, description="The first day of the week: 1 = Monday … 7 = Sunday.")
]


class AccountView(ApiModel):
    """The account with its time zone and first day of the week."""

    id: str
    zone: Zone
    week_start: WeekStart


class AccountTimes(ApiModel):
    """A new time zone and first day of the week."""

    model_config = example(zone="Europe/Vienna", week_start=1)

    zone: Zone
    week_start: WeekStart


@router.get("")
async def show_account(app_state: CurrentAppState, person: Viewer) -> AccountView:
    """Get the account's time zone and first day of the week."""
    settings = await app_state.metrics.accounts.show(person.actor)
    return AccountView(id=person.account, zone=settings.zone, week_start=settings.week_start)


@router.put("")
async def change_account(
    app_state: CurrentAppState, admin: Admin, body: AccountTimes
) -> AccountView:
    """Change the account's time zone and first day of the week.

    They determine all date ranges, so every metric becomes due.
    """
    await app_state.metrics.accounts.edit(
        admin.actor, AccountSettings(zone=body.zone, week_start=body.week_start)
    )
    return AccountView(id=admin.account, zone=body.zone, week_start=body.week_start)
