"""Stores the values that people enter, in the connection of the account's entered values."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple, TypeAlias

from pydantic import ValidationError

from smaply_metrics_core.date_ranges import zone_info
from smaply_metrics_core.entered_values.source import EnteredValuesForm
from smaply_metrics_core.entered_values.tables import (
    SOURCE_ID,
    EnteredInput,
    EnteredRow,
    EnteredTable,
    EnteredTables,
    EnteredUnit,
)
from smaply_metrics_core.errors import AlreadyExists, EditConflict, InputError, NotFound
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import attempts as attempt_rows
from smaply_metrics_core.host.store import audit, chosen_surveys
from smaply_metrics_core.host.store import connections as rows
from smaply_metrics_core.host.store import metrics as metric_rows
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.base import Frozen, first_error

TRIES: Final = 5
"""How often a change is tried while other processes store other tables."""


class SavedTable(Frozen):
    """A stored table.

    Attributes:
        connection_id: The connection that metrics of the table use; its survey is ``table.id``.
        metrics: The ids of the metrics of the table; a change makes them due.
    """

    connection_id: str
    table: EnteredTable
    metrics: tuple[str, ...]


class _Stored(NamedTuple):
    row: ConnectionRow
    tables: EnteredTables


_Change: TypeAlias = Callable[[EnteredTable | None], EnteredTable | None]
"""Returns the changed table; ``None`` as its argument is a new one, as its result a deleted one."""


class EnteredValues:
    """The tables of values that people of an account enter.

    They are stored encrypted in one connection of the source ``entered_values``, which the first
    table creates. Editors read and change them; cards show the values to Viewers.
    """

    def __init__(
        self, runtime: Runtime, credential_store: CredentialStore, connections: Connections
    ) -> None:
        self._runtime = runtime
        self._credential_store = credential_store
        self._connections = connections

    def list(self, actor: Actor) -> tuple[EnteredTable, ...]:
        """Return the tables of the account, by name.

        Raises:
            RoleRequired: when the actor is a Viewer.
            MetricsError: when they cannot be decrypted.
        """
        actor.require(Role.EDITOR, "Reading entered values")
        stored = self._find(actor.account)
        tables = () if stored is None else stored.tables.tables
        return tuple(sorted(tables, key=lambda table: table.name.casefold()))

    def show(self, actor: Actor, table_id: str) -> SavedTable:
        """Return one table, with its connection and its metrics.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such table.
        """
        actor.require(Role.EDITOR, "Reading entered values")
        stored = self._find(actor.account)
        if stored is None:
            raise _no_table()
        table, metrics = stored.tables.find(table_id), self._metrics(stored.row, table_id)
        return SavedTable(connection_id=stored.row.id, table=_existing(table), metrics=metrics)

    def today(self, actor: Actor) -> date:
        """Return the current date in the time zone of the account; no value is for a later day."""
        with self._runtime.store.reading() as db:
            zone = read_account(db, actor.account).zone
        return self._runtime.now().astimezone(zone_info(zone)).date()

    def add(
        self, actor: Actor, name: str, unit: EnteredUnit, values: Iterable[EnteredInput] = ()
    ) -> SavedTable:
        """Store a new table.

        Raises:
            RoleRequired: when the actor is a Viewer.
            InputError: when the name or a value is not valid, another table has this name, or there
                are too many tables.
            MetricsError: when it cannot be stored, as without an encryption key.
        """
        new_rows = self._rows(actor, values)
        table_id = f"tbl_{secrets.token_hex(6)}"

        def added(_: EnteredTable | None) -> EnteredTable:
            return EnteredTable(id=table_id, name=name, unit=unit, rows=new_rows, version=1)

        return self._change(actor, table_id, added)

    def edit(
        self,
        actor: Actor,
        table_id: str,
        name: str,
        values: Iterable[EnteredInput],
        *,
        version: int | None = None,
    ) -> SavedTable:
        """Replace the name and all values of a table. Unchanged values keep who entered them.

        Args:
            actor: An Editor or Admin.
            table_id: The table.
            name: Its name.
            values: All of its values.
            version: The version that the change is based on; ``None`` to overwrite any.

        Raises:
            NotFound: when the account has no such table.
            EditConflict: when another change was stored since ``version``.
            MetricsError: as ``add``.
        """
        new = [*values]

        def edited(table: EnteredTable | None) -> EnteredTable:
            table = _existing(table)
            if version is not None and table.version != version:
                raise EditConflict(
                    f"Another user changed “{table.name}”, so your change was not saved.",
                    remedy="Compare the saved values with yours, and save again.",
                )
            return _with(table, name=name, rows=self._rows(actor, new, table.rows))

        return self._change(actor, table_id, edited)

    def add_values(self, actor: Actor, table_id: str, values: Iterable[EnteredInput]) -> SavedTable:
        """Add values to a table. One with the day and label of a stored value replaces it.

        Raises:
            NotFound: when the account has no such table.
            MetricsError: as ``add``.
        """
        new = [*values]

        def added(table: EnteredTable | None) -> EnteredTable:
            table = _existing(table)
            keys = {value.key for value in new}
            others = (row for row in table.rows if row.key not in keys)
            return _with(table, rows=(*others, *self._rows(actor, new, table.rows)))

        return self._change(actor, table_id, added)

    def delete(self, actor: Actor, table_id: str) -> EnteredTable:
        """Delete a table that no metric uses, and return it.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such table.
            InputError: when a metric uses it.
        """
        saved = self.show(actor, table_id)
        if number := len(saved.metrics):
            raise InputError(
                f"{number:,} {'metric uses' if number == 1 else 'metrics use'} “"
                f"{saved.table.name}”.",
                remedy="Delete its metrics first.",
            )
        self._change(actor, table_id, lambda _: None)
        return saved.table

    def rename_user(self, actor: Actor, user: str, name: str) -> int:
        """Replace who entered values, and return the number of these values.

        The stored values of their metrics, which have the old name, are deleted: the next load
        refreshes them.
        """
        stored = self._find(actor.account)
        changed = 0
        for table in () if stored is None else stored.tables.tables:
            count = sum(row.entered_by == user for row in table.rows)
            if count:
                saved = self._change(actor, table.id, lambda one: _renamed(one, user, name))
                with self._runtime.store.writing() as db:
                    for metric_id in saved.metrics:
                        attempt_rows.drop_value(db, actor.account, metric_id)
            changed += count
        return changed

    def _rows(
        self, actor: Actor, values: Iterable[EnteredInput], stored: Iterable[EnteredRow] = ()
    ) -> tuple[EnteredRow, ...]:
        """Return unchanged values as stored, and others as entered now."""
        known = {_entered(row): row for row in stored}
        now = self._runtime.now()
        plain = map(_entered, values)
        return tuple(
            known.get(one) or EnteredRow(**dict(one), entered_by=actor.user, entered_at=now)
            for one in plain
        )

    def _change(self, actor: Actor, table_id: str, change: _Change) -> SavedTable:
        """Store a changed table; its metrics are then due."""
        actor.require(Role.EDITOR, "Entering values")
        for _ in range(TRIES):
            stored = self._find(actor.account)
            if stored is None:
                with suppress(AlreadyExists):  # Another process was faster.
                    # Editors enter values, but cannot connect a source themselves.
                    self._connections.connect(replace(actor, role=Role.ADMIN), SOURCE_ID, {})
                continue
            before = stored.tables.find(table_id)
            try:
                table = change(before)
                tables = stored.tables.replaced(table_id, table)
                EnteredTables.parse(tables.text())  # Checks the size, too.
            except ValueError as error:
                raise _invalid(error) from None
            metrics = self._metrics(stored.row, table_id)
            shown = table or _existing(before)
            with suppress(_Changed):
                self._store(actor, stored.row, tables, table_id)
                return SavedTable(connection_id=stored.row.id, table=shown, metrics=metrics)
        raise EditConflict(
            "Other users changed entered values at the same time, so your change was not saved.",
            remedy="Save again.",
        )

    def _find(self, account: str) -> _Stored | None:
        with self._runtime.store.reading() as db:
            found = rows.of_account(db, account)
        row = next((row for row in found if row.source == SOURCE_ID), None)
        if row is None:
            return None
        _, credentials = self._credential_store.open(row)
        text = credentials.tables if isinstance(credentials, EnteredValuesForm) else ""
        return _Stored(row, EnteredTables.parse(text))

    def _metrics(self, row: ConnectionRow, table_id: str) -> tuple[str, ...]:
        with self._runtime.store.reading() as db:
            named = metric_rows.read_names(
                db, row.account, connection_id=row.id, workspace=None, survey_id=table_id
            )
        return tuple(metric_id for metric_id, _ in named)

    def _store(
        self, actor: Actor, row: ConnectionRow, tables: EnteredTables, table_id: str
    ) -> None:
        """Store tables, unless others were stored since the row was read, and make metrics due."""
        source, now = self._runtime.registry.get(row.source), self._runtime.now()
        credentials = source.parse({"tables": tables.text()})
        with self._runtime.store.writing() as db:
            sealed = self._credential_store.seal(
                db, row.id, row.account, row.source, credentials, now
            )
            values = {"sealed": sealed, "version": row.version + 1, "updated_at": now}
            if not (chosen_surveys.lock(db, row) and rows.edit(db, row, values)):
                raise _Changed
            chosen_surveys.drop_attempts(db, row, [table_id])
            detail = self._runtime.label_of(row)
            audit.add_entry(db, actor, AuditAction.EDIT_CONNECTION, row.id, detail, now)


class _Changed(Exception):  # No error: the change is tried again.
    """Another process stored other tables first; the transaction is rolled back."""


def _entered(value: EnteredInput) -> EnteredInput:
    """Return a value without who entered it, to compare it."""
    return EnteredInput(day=value.day, label=value.label, value=value.value, n=value.n)


def _existing(table: EnteredTable | None) -> EnteredTable:
    if table is None:
        raise _no_table()
    return table


def _with(table: EnteredTable, **parts: object) -> EnteredTable:
    """Return the next version of a table."""
    return EnteredTable.model_validate({**dict(table), **parts, "version": table.version + 1})


def _renamed(table: EnteredTable | None, user: str, name: str) -> EnteredTable:
    table, new = _existing(table), {"entered_by": name}
    rows = (one.model_copy(update=new) if one.entered_by == user else one for one in table.rows)
    return _with(table, rows=tuple(rows))


def _invalid(error: ValueError) -> InputError:
    text = str(error)
    if isinstance(error, ValidationError):
        path, text = first_error(error)
        if path[:1] == ("name",):
            text = "enter a name of 1 to 100 characters in one line"
    return InputError(
        f"The table is not valid: {text.rstrip('.')}.", remedy="Correct it and save again."
    )


def _no_table() -> NotFound:
    return NotFound("This table of entered values does not exist.", remedy="Choose another table.")
