"""Forms of connections: their fields, and the values that sources propose or write for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, Final, Literal

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.credential_changes import merge_credentials
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.names import new_connection_id
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.views import SourceForm
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.models.columns import ColumnEdit, ColumnSheet
from smaply_metrics_core.models.credentials import (
    Credentials,
    conceal,
    credential_fields,
    without_blanks,
)
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.source import Source


class ConnectionForms:
    """The forms of connections. Nothing is stored.

    Args:
        runtime: The shared parts of the host.
        credential_store: The stored credentials of connections that are edited.
        sessions: Opens the sessions.
    """

    def __init__(
        self, runtime: Runtime, credential_store: CredentialStore, sessions: ConnectionSessions
    ) -> None:
        self._runtime = runtime
        self._credential_store = credential_store
        self._sessions = sessions

    def form(self, source_id: str) -> SourceForm:
        """Return the credentials form of a source.

        Raises:
            NotFound: when no source of this id is installed.
            SourceNotUsable: when it cannot be used; the message states why.
        """
        description = self._runtime.registry.get(source_id).description
        return SourceForm(
            id=description.id,
            title=description.title,
            documentation=description.documentation,
            fields=credential_fields(description.credentials),
            steps=description.checks,
        )

    def propose_value(  # noqa: PLR0913  # A form, a field of it, and a running call.
        self,
        actor: Actor,
        source_id: str,
        field: str,
        values: Mapping[str, Any],
        *,
        connection_id: str = "",
        cancelled: Event | None = None,
    ) -> str:
        """Return the value that a source proposes for a field of its form; empty for none.

        Nothing is stored. ``values`` are the other fields of the form; with a ``connection_id``,
        missing and blank ones have the stored value.

        Raises:
            RoleRequired: when the actor is not an Admin.
            InputError: when the source proposes nothing for this field, or a field that decides
                where secrets are sent was changed and the secrets were not entered again.
            CredentialsInvalid: when another field is not valid; nothing was requested.
            DestinationRefused: when the operator does not allow the destination.
            MetricsError: when the source cannot propose a value, such as ``Unreachable``.
            Cancelled: when cancelled.
        """
        values = {name: one for name, one in conceal(values).items() if name != field}

        def without_field(credentials: Credentials) -> Credentials:
            default = type(credentials).model_fields[field].get_default(call_default_factory=True)
            return credentials.model_copy(update={field: default})

        with self._session(
            actor, source_id, connection_id, values, cancelled, (field, "proposable"), without_field
        ) as session:
            return session.propose_value(field)

    def edit_columns(  # noqa: PLR0913  # As above, with the edits.
        self,
        actor: Actor,
        source_id: str,
        field: str,
        values: Mapping[str, Any],
        *,
        table: str = "",
        edits: Sequence[ColumnEdit] = (),
        connection_id: str = "",
        cancelled: Event | None = None,
    ) -> ColumnSheet:
        """Return a table with the roles of its columns, and the text of the field with edits.

        Nothing is stored. ``values`` are the fields of the form, this one included; with a
        ``connection_id``, missing and blank ones have the stored value. Values of columns that
        fewer rows have than the account's minimum for groups are left out.

        Args:
            actor: An Admin.
            source_id: The source.
            field: A field with ``columns=True``.
            values: The form.
            table: The id of the table to show; empty for the first.
            edits: What the actor chose for columns of this table.
            connection_id: The connection that is edited.
            cancelled: Ends the call.

        Raises:
            RoleRequired: when the actor is not an Admin.
            InputError: when the field has no columns, an edit is not possible, or a field that
                decides where secrets are sent was changed and the secrets were not entered again.
            CredentialsInvalid: when a field is not valid; nothing was requested.
            DestinationRefused: when the operator does not allow the destination.
            MetricsError: when the source cannot read the tables, such as ``Unreachable``.
            Cancelled: when cancelled.
        """
        with self._session(
            actor, source_id, connection_id, conceal(values), cancelled, (field, "columns")
        ) as session:
            sheet = session.edit_columns(field, table, tuple(edits))
        with self._runtime.store.reading() as db:
            minimum = read_account(db, actor.account).minimum_group
        return sheet.with_minimum(minimum)

    @contextmanager
    def _session(  # noqa: PLR0913, PLR0917  # The parts of a call.
        self,
        actor: Actor,
        source_id: str,
        connection_id: str,
        values: Mapping[str, Any],
        cancelled: Event | None,
        declared: tuple[str, Literal["proposable", "columns"]],
        change: Callable[[Credentials], Credentials] = lambda credentials: credentials,
    ) -> Iterator[SourceSession]:
        """Open a session with the values of a form that is not saved."""
        actor.require(Role.ADMIN, "Connecting a source")
        row = self._runtime.find_connection(actor.account, connection_id) if connection_id else None
        source = self._runtime.registry.get(row.source if row else source_id)
        _require(source, *declared)
        stored = self._credential_store.find_values(row) if row else None
        if row is None:
            credentials = source.parse(values)
        elif stored is not None and not without_blanks(values):
            credentials = source.parse(stored)
        else:
            credentials = merge_credentials(source, stored, values)
        used_id = row.id if row else new_connection_id()
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.check, cancelled)
        try:
            with (
                correlated(),
                self._sessions.unsaved_session(
                    actor.account, used_id, source, change(credentials), deadline
                ) as session,
            ):
                yield session
        finally:
            if row is None:
                self._sessions.forget(used_id)


_LACKS: Final = {"proposable": "proposes no value for", "columns": "has no columns for"}


def _require(source: Source, field: str, part: Literal["proposable", "columns"]) -> None:
    """Raise unless the form of a source declares this part for a field."""
    fields = credential_fields(source.description.credentials)
    names = [one.name for one in fields if getattr(one, part)]
    if field not in names:
        raise InputError(
            f"The source “{source.title}” {_LACKS[part]} “{field}”.",
            remedy=f"Use one of these fields: {', '.join(names)}."
            if names
            else "Enter the values of this form by hand.",
        )
