"""What the host shows of connections: never more of a secret than its last four characters."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from smaply_metrics_core.host.connections.vault import mask
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.check import CheckStep, StepResult
from smaply_metrics_core.models.credentials import (
    CredentialField,
    Credentials,
    credential_fields,
)
from smaply_metrics_core.models.problem import Problem


class ConnectionStatus(StrEnum):
    """How a connection stands."""

    CONNECTED = "connected"
    WARNING = "warning"
    """It works, with an issue that people should know of."""
    ERROR = "error"
    """It does not work at present."""


class SourceForm(Frozen):
    """What a page needs to ask for a source's credentials, and to show how checking them goes.

    Attributes:
        id: The source.
        title: What people call it.
        documentation: Where they read how to get the credentials; may be empty.
        fields: What they enter, in order.
        steps: What is checked on saving, in order; results come one by one.
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

    ``fields`` is empty for people who are not Admins. ``unseen`` names the metrics whose survey
    the new credentials cannot see; filled when connecting and editing. ``name`` is what an Admin
    calls the connection, or empty.
    """

    id: str
    source: str
    title: str
    status: ConnectionStatus
    problem: Problem | None
    fields: tuple[FieldView, ...] = ()
    steps: tuple[StepResult, ...]
    created_at: datetime
    created_by: str
    updated_at: datetime
    checked_at: datetime
    unseen: tuple[str, ...] = ()
    name: str = ""


class DeletedConnection(Frozen):
    """A connection that is gone, and the metrics that no longer refresh."""

    id: str
    source: str
    metrics: tuple[str, ...]


def masked_fields(credentials: Credentials) -> tuple[FieldView, ...]:
    """Return the fields of credentials, secrets masked."""
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
