"""The views of connections; of a secret they show at most the last four characters."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.names import connection_label
from smaply_metrics_core.host.connections.vault import mask
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.check import CheckReport, CheckStep, StepResult
from smaply_metrics_core.models.credentials import (
    CredentialField,
    Credentials,
    credential_fields,
)
from smaply_metrics_core.models.problem import Problem


class ConnectionStatus(StrEnum):
    """The status of a connection."""

    CONNECTED = "connected"
    WARNING = "warning"
    """It works, but has an issue."""
    ERROR = "error"
    """It does not work."""


class SourceForm(Frozen):
    """The credentials form of a source, with the steps of the check that follows.

    Attributes:
        id: The id of the source.
        title: The title of the source.
        documentation: The URL of a page on how to get the credentials; may be empty.
        fields: The fields, in order.
        steps: The steps of the check on saving, in order; their results arrive one by one.
    """

    id: str
    title: str
    documentation: str
    fields: tuple[CredentialField, ...]
    steps: tuple[CheckStep, ...]


class FieldView(Frozen):
    """One field of the stored credentials; a secret's value is masked."""

    name: str
    label: str
    secret: bool
    value: str


class ConnectionView(Frozen):
    """A connection as the Integrations page shows it.

    ``fields`` is empty for people who are not Admins. ``unseen`` holds the names of the metrics
    whose survey the new credentials cannot see; it is filled when connecting and editing. ``name``
    is unique in the account, ignoring case; by default it is the title of the source.
    ``problem_at`` is when the problem was found: later than ``checked_at`` if a refresh found it;
    ``None`` if it is not known. ``chosen_surveys`` is how many surveys an Admin has chosen for
    metrics; ``None`` when all may be used.
    """

    id: str
    source: str
    title: str
    status: ConnectionStatus
    problem: Problem | None
    problem_at: datetime | None = None
    fields: tuple[FieldView, ...] = ()
    steps: tuple[StepResult, ...]
    created_at: datetime
    created_by: str
    updated_at: datetime
    checked_at: datetime
    unseen: tuple[str, ...] = ()
    name: str
    chosen_surveys: int | None = None

    @property
    def label(self) -> str:
        """The name with the title of the source, unless they are the same."""
        return connection_label(self.name, self.title)


class DeletedConnection(Frozen):
    """A deleted connection, and the names of the metrics that are no longer refreshed."""

    id: str
    source: str
    name: str
    metrics: tuple[str, ...]


def connection_view(
    credential_store: CredentialStore,
    row: ConnectionRow,
    actor: Actor,
    unseen: tuple[str, ...] = (),
) -> ConnectionView:
    """Return a stored connection as the role of a person may see it.

    A connection that cannot be decrypted has a problem.
    """
    problem, title = row.problem or row.left_problem, row.source
    problem_at = _problem_found_at(row)
    fields: tuple[FieldView, ...] = ()
    try:
        source, credentials = credential_store.open(row)
        title = source.title
        if actor.role >= Role.ADMIN:
            fields = _masked_fields(credentials)
    except MetricsError as error:
        # One connection that cannot be decrypted must not make the whole list fail.
        row = replace(row, report=CheckReport(steps=()))
        problem, problem_at = error.to_problem(), None
    return ConnectionView(
        id=row.id,
        source=row.source,
        title=title,
        status=_status_of(row, problem),
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


def _status_of(row: ConnectionRow, problem: Problem | None) -> ConnectionStatus:
    """Return the status of a connection with a problem, which may be that of its check."""
    works = row.report.passed and not row.is_rejected
    if not works or (problem is not None and problem != row.report.problem):
        return ConnectionStatus.ERROR
    return ConnectionStatus.CONNECTED if problem is None else ConnectionStatus.WARNING


def _problem_found_at(row: ConnectionRow) -> datetime | None:
    """Return when the stored problem of a connection was found; ``None`` without one."""
    if row.problem is None:
        return row.left_at if row.left_problem is not None else None
    by_check = not row.report.passed or row.problem == row.report.problem
    found = (
        row.checked_at if by_check else None,
        row.refused_at if row.is_rejected else None,
        row.down_since,
    )
    return max((instant for instant in found if instant is not None), default=row.checked_at)


def _masked_fields(credentials: Credentials) -> tuple[FieldView, ...]:
    """Return the fields of credentials, with secrets masked."""
    views = []
    for field in credential_fields(type(credentials)):
        value = getattr(credentials, field.name)
        if field.secret:
            shown = mask(value.get_secret_value())
        else:
            shown = "" if value is None else str(value)
        views.append(
            FieldView(name=field.name, label=field.label, secret=field.secret, value=shown)
        )
    return tuple(views)
