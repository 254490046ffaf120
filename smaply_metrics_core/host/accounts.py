"""The accounts of a store and their settings."""

from __future__ import annotations

from collections.abc import Mapping

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store.accounts import (
    has_rows,
    read_account,
    read_accounts,
    write_account,
)
from smaply_metrics_core.host.store.audit import AuditAction


class Accounts:
    """The settings of each account: time zone, first weekday, confidence, smallest group."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def list(self) -> Mapping[str, AccountSettings]:
        """Return the settings of every account that has stored anything, by account id.

        This is for the operator, as on the command line. It takes no ``Actor``, because an actor
        belongs to one account and sees that account only: a host app must not show it to people.
        """
        with self._runtime.store.reading() as db:
            return read_accounts(db)

    def exists(self, account: str) -> bool:
        """Whether an account has stored anything; for the operator, like ``list``."""
        with self._runtime.store.reading() as db:
            return has_rows(db, account)

    def show(self, actor: Actor) -> AccountSettings:
        """Return the settings of the actor's account, or the defaults when it has set none."""
        with self._runtime.store.reading() as db:
            return read_account(db, actor.account)

    def edit(self, actor: Actor, settings: AccountSettings) -> AccountSettings:
        """Replace the settings of the actor's account.

        Its metrics become due if the time zone or the first day of the week changes. Intervals at
        another level of confidence are calculated from the stored tallies. Small groups are hidden
        at once; metrics with filters become due when hiding starts or ends.

        Args:
            actor: An Admin.
            settings: The new settings.

        Raises:
            RoleRequired: unless the actor is an Admin.
            InputError: for a time zone or a weekday that does not exist, a level of confidence
                below 80 or above 99.9, or a smallest group that is neither 0 nor 3 to 1,000.
        """
        actor.require(Role.ADMIN, "Changing the settings of the account")
        settings.validate()
        with self._runtime.store.writing() as db:
            write_account(db, actor.account, settings)
            detail = (
                f"{settings.zone}, weeks start on day {settings.week_start}, "
                f"{settings.confidence:g} % confidence{_minimum_text(settings)}"
            )
            audit.add_entry(
                db, actor, AuditAction.SET_ACCOUNT, actor.account, detail, self._runtime.now()
            )
        return settings


def _minimum_text(settings: AccountSettings) -> str:
    minimum = settings.minimum_group
    return f", groups below {minimum:,} answers hidden" if minimum else ""
