"""Values that sources propose for fields of their forms; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.connections.credential_changes import merge_credentials
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.names import new_connection_id
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.credentials import Credentials, credential_fields, without_blanks
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.sources.source import Source


class ValueProposals:
    """Requests proposed values from sources; ``values`` are those of the other fields of the form.

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

    def for_new(
        self,
        account: str,
        source: Source,
        field: str,
        values: Mapping[str, Any],
        cancelled: Event | None,
    ) -> str:
        """Return the proposal for a form that is not saved; see ``Connections.propose_value``."""
        _require_proposable(source, field)
        credentials = source.parse(values)
        connection_id = new_connection_id()
        try:
            return self._propose(account, connection_id, source, credentials, field, cancelled)
        finally:
            self._sessions.forget(connection_id)

    def for_stored(
        self,
        row: ConnectionRow,
        field: str,
        values: Mapping[str, Any],
        cancelled: Event | None,
    ) -> str:
        """Return the proposal for a form that edits a connection."""
        source = self._runtime.registry.get(row.source)
        _require_proposable(source, field)
        stored = self._credential_store.find_values(row)
        if stored is not None and not without_blanks(values):
            credentials = source.parse(stored)
        else:
            credentials = merge_credentials(source, stored, values)
        info = type(credentials).model_fields[field]
        default = info.get_default(call_default_factory=True)
        credentials = credentials.model_copy(update={field: default})
        return self._propose(row.account, row.id, source, credentials, field, cancelled)

    def _propose(  # noqa: PLR0913, PLR0917  # The parts of a session.
        self,
        account: str,
        connection_id: str,
        source: Source,
        credentials: Credentials,
        field: str,
        cancelled: Event | None,
    ) -> str:
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.check, cancelled)
        with (
            correlated(),
            self._sessions.unsaved_session(
                account, connection_id, source, credentials, deadline
            ) as session,
        ):
            return session.propose_value(field)


def _require_proposable(source: Source, field: str) -> None:
    fields = credential_fields(source.description.credentials)
    names = [one.name for one in fields if one.proposable]
    if field not in names:
        raise InputError(
            f"The source “{source.title}” proposes no value for “{field}”.",
            remedy=f"Use one of these fields: {', '.join(names)}."
            if names
            else "Enter the values of this form by hand.",
        )
