"""The accounts of a store: their settings, limits, export and deletion."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.errors import InputError, NotFound
from smaply_metrics_core.host.accounts.deletion import DeletedAccount, delete_account
from smaply_metrics_core.host.accounts.export import AccountExport, write_export
from smaply_metrics_core.host.accounts.limits import LimitUse, limit_uses
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.entered_values import EnteredValues
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store.account_limits import AccountLimits, write_limits
from smaply_metrics_core.host.store.account_rows import ERASED_USER, erase_user
from smaply_metrics_core.host.store.accounts import (
    add_account,
    has_rows,
    read_account,
    read_accounts,
    write_account,
)
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.models.problem import Audience

logger = logging.getLogger(__name__)


class Accounts:
    """The accounts: their settings, and the export and deletion of what is stored about them.

    The settings are time zone, first weekday, confidence and smallest group.
    """

    def __init__(
        self,
        runtime: Runtime,
        forget: Callable[[Sequence[str]], None],
        entered_values: EnteredValues,
    ) -> None:
        self._runtime = runtime
        self._forget = forget
        self._entered_values = entered_values

    def list(self) -> Mapping[str, AccountSettings]:
        """Return the settings of every account that has stored anything, by account id.

        This is for the operator, as on the command line. It takes no ``Actor``, because an actor
        belongs to one account and sees that account only: a host app must not show it to people.
        """
        with self._runtime.store.reading() as db:
            return read_accounts(db)

    def register(self, *accounts: str) -> None:
        """Store new accounts with the default settings, so that ``list`` returns them.

        A host app calls it when it creates an account. Without it, the first connection, metric or
        edit of the account stores it. For the operator, like ``list``; accounts that exist do not
        change.

        Raises:
            InputError: when an id is empty.
        """
        for account in accounts:
            _validate_id(account)
        with self._runtime.store.writing() as db:
            for account in accounts:
                add_account(db, account)

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

    def limits(self, account: str) -> Mapping[str, LimitUse]:
        """Return the limits of an account and how much of each is used, for the operator.

        Returns:
            ``connections``, ``metrics`` and ``exports_per_hour``, the last for this clock hour.
        """
        with self._runtime.store.reading() as db:
            return limit_uses(self._runtime, db, account)

    def set_limits(self, account: str, limits: AccountLimits) -> Mapping[str, LimitUse]:
        """Replace the limits of an account that differ from the settings; return all of them.

        It applies at once, in every process, and deletes nothing. For the operator, like ``list``:
        it takes no ``Actor``, because an Admin must not raise the limits of their own account.

        Raises:
            InputError: when the id is empty, or a number is not valid.
        """
        _validate_id(account)
        limits.validate()
        with self._runtime.store.writing() as db:
            add_account(db, account)
            write_limits(db, account, limits)
            uses = limit_uses(self._runtime, db, account)
        logger.info("Changed the limits of an account.")
        return uses

    def export(
        self,
        actor: Actor,
        path: Path,
        host_tables: Mapping[str, Iterable[Mapping[str, Any]]] = MappingProxyType({}),
    ) -> AccountExport:
        """Write everything that the store has about the actor's account into a ZIP file.

        The file has the settings, connections, metrics, values, history and audit trail as JSON
        lines, one file for each table, and the entered values. It has no credentials, and no files
        from which sources read.

        Args:
            actor: An Admin.
            path: The file to write; it must not exist.
            host_tables: Rows of the host app about the account, by table, in JSON types and
                instants. They are written to the folder ``host`` of the file.

        Raises:
            RoleRequired: unless the actor is an Admin.
            NotFound: when nothing is stored for the account.
            InputError: when ``path`` exists or cannot be written.
            EncryptionError: when there are entered values that cannot be decrypted.
        """
        actor.require(Role.ADMIN, "Exporting the account")
        self._require_stored(actor.account)
        now = self._runtime.now()
        entered = [
            {"table": table.name, "unit": table.unit, **row.model_dump(mode="json")}
            for table in self._entered_values.list(actor)
            for row in table.rows
        ]
        with self._runtime.store.writing() as db:
            audit.add_entry(db, actor, AuditAction.EXPORT_ACCOUNT, actor.account, "", now)
        with self._runtime.store.reading() as db:
            return write_export(db, actor.account, path, now, entered, host_tables)

    def erase_user(self, actor: Actor, user: str) -> int:
        """Replace the name of a user by ``deleted user`` in the account; return the changed rows.

        This concerns the audit trail, who created connections and metrics, and who entered values;
        their cards are empty until the next load refreshes them. Names that people entered for
        metrics and connections do not change.

        Args:
            actor: An Admin.
            user: The user as the host app names them in ``Actor.user``.

        Raises:
            RoleRequired: unless the actor is an Admin.
            NotFound: when nothing that is stored for the account names the user.
        """
        actor.require(Role.ADMIN, "Erasing a user")
        entered = self._entered_values.rename_user(actor, user, ERASED_USER)
        with self._runtime.store.writing() as db:
            changed = erase_user(db, actor.account, user) + entered
            if not changed:
                raise NotFound(
                    "Nothing that is stored for this account names this user.",
                    remedy="Enter the user as in the audit trail.",
                )
            if actor.user == user:
                actor = replace(actor, user=ERASED_USER)
            audit.add_entry(db, actor, AuditAction.ERASE_USER, ERASED_USER, "", self._runtime.now())
        self._runtime.store.forget_deleted()
        return changed

    def delete(self, actor: Actor) -> DeletedAccount:
        """Delete the actor's account with everything that is stored about it.

        That is every row of the store, the audit trail included, queued refreshes, and its folder
        for files in the home. A running refresh ends without storing anything. Caches of other
        processes expire within ten minutes. Backups, and the log, are not changed. A host app
        signs the people of the account out first: a later call of theirs would store it again.

        Args:
            actor: An Admin.

        Raises:
            RoleRequired: unless the actor is an Admin.
            NotFound: when nothing is stored for the account.
            StoreError: when the store or a file cannot be changed. The deletion can be repeated.
        """
        actor.require(Role.ADMIN, "Deleting the account")
        self._require_stored(actor.account)
        deleted, connections = delete_account(self._runtime, actor.account)
        self._forget(connections)
        logger.info("Deleted an account. Connections: %d.", len(connections))
        return deleted

    def _require_stored(self, account: str) -> None:
        folder = self._runtime.settings.files_of(account)
        if not self.exists(account) and (folder is None or not folder.exists()):
            raise NotFound(
                f"Nothing is stored for the account “{account}”.",
                remedy="Choose an existing account; `smaply-metrics account list` lists them.",
                audience=Audience.OPERATOR,
            )


def _validate_id(account: str) -> None:
    if not account.strip():
        raise InputError("The ID of an account is empty.", remedy="Enter an ID.")


def _minimum_text(settings: AccountSettings) -> str:
    minimum = settings.minimum_group
    return f", groups below {minimum:,} answers hidden" if minimum else ""
