"""Returns stored connections as people may see them."""

from __future__ import annotations

from dataclasses import replace

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.views import (
    ConnectionView,
    FieldView,
    masked_fields,
    problem_found_at,
    status_of,
)
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.check import CheckReport


class ConnectionViewer:
    """Makes views of connections, with the fields that the role of a person may see."""

    def __init__(self, credential_store: CredentialStore) -> None:
        self._credential_store = credential_store

    def view(
        self, row: ConnectionRow, actor: Actor, unseen: tuple[str, ...] = ()
    ) -> ConnectionView:
        """Return the view; a connection that cannot be decrypted has a problem."""
        problem, title = row.problem or row.left_problem, row.source
        problem_at = problem_found_at(row)
        fields: tuple[FieldView, ...] = ()
        try:
            source, credentials = self._credential_store.open(row)
            title = source.title
            if actor.role >= Role.ADMIN:
                fields = masked_fields(credentials)
        except MetricsError as error:
            # One connection that cannot be decrypted must not make the whole list fail.
            row = replace(row, report=CheckReport(steps=()))
            problem, problem_at = error.to_problem(), None
        return ConnectionView(
            id=row.id,
            source=row.source,
            title=title,
            status=status_of(row, problem),
            problem=problem and problem.for_reader(actor.role.audience, source=title),
            problem_at=problem_at,
            fields=fields,
            steps=row.report.steps if actor.role >= Role.ADMIN else (),
            created_at=row.created_at,
            created_by=row.created_by,
            updated_at=row.updated_at,
            checked_at=row.checked_at,
            unseen=unseen,
            name=row.name or title,
            chosen_surveys=row.chosen_count,
        )
