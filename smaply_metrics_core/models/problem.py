"""Errors as data, for the store, the API and other processes."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from smaply_metrics_core.models.base import Frozen


class Issue(StrEnum):
    """The name of an issue on the Integrations page."""

    CONNECTION = "connection"
    AUTHENTICATION = "authentication"
    SURVEYS = "surveys"
    DATA = "data"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  # The name of an issue, not a secret.


class Blame(StrEnum):
    """Where to look for the cause."""

    CREDENTIAL = "credential"
    PERMISSION = "permission"
    CONFIGURATION = "configuration"
    SOURCE = "source"
    NETWORK = "network"
    PLUGIN = "plugin"
    STORE = "store"
    """The database or the disk of this installation."""


class Audience(StrEnum):
    """Who can act on a remedy.

    The first three are the roles of an account, each including the ones before it.
    """

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OPERATOR = "operator"
    """The operator of this installation: of its settings, keys, database and plugins."""


_ORDER: Final = tuple(Audience)

_WHO_CAN_FIX: Final[dict[Audience, str]] = {
    Audience.EDITOR: "An Editor can fix it.",
    Audience.ADMIN: "An Admin can fix it.",
    Audience.OPERATOR: "The operator of this installation can fix it.",
}

_SUMMARIES: Final[dict[Issue | None, str]] = {
    Issue.CONNECTION: "The connection to {source} is broken.",
    Issue.AUTHENTICATION: "The connection to {source} is broken.",
    Issue.TOKEN_REVOKED: "The connection to {source} is broken.",
    Issue.SURVEYS: "The connection to {source} shows no surveys.",
    Issue.DATA: "{source} no longer provides the data for this metric.",
    None: "{source} could not be read because of a fault in this installation.",
}

_PAUSED: Final = "{source} cannot be read at the moment."
_RETRIED: Final = "Cards are refreshed automatically once it is available."
_TRY_AGAIN: Final = "Try again in a few minutes."


class FieldProblem(Frozen):
    """Why a form field is not valid, and the value to use if it is known."""

    name: str
    message: str
    suggestion: str | None = None


class Problem(Frozen):
    """An error for people and programs; never contains a secret.

    Attributes:
        kind: The stable name of the error's class.
        issue: The name of the issue on the Integrations page; ``None`` for invalid input and for
            plugin bugs.
        message: What happened, for people who can act on it.
        remedy: What to do, for people who can act on it.
        retryable: Whether the same call can succeed later without a change.
        blame: Where to look for the cause.
        code: The survey tool's own error code.
        request_id: The survey tool's id of the failed request.
        fields: The form fields that are not valid.
        audience: Who can act on the remedy. Other readers get ``summary``.
        summary: What happened, without details, for readers who cannot act on it; ``None`` for a
            sentence derived from the issue.
    """

    kind: str
    issue: Issue | None = None
    message: str
    remedy: str
    retryable: bool = False
    blame: Blame
    code: str | None = None
    request_id: str | None = None
    fields: tuple[FieldProblem, ...] = ()
    audience: Audience = Audience.ADMIN
    summary: str | None = None

    def for_reader(self, reader: Audience, *, source: str) -> Problem:
        """Return the problem as a person with this role may read it.

        A person who can act on the remedy, and every Admin, gets all details. Other readers get a
        sentence without host names, ids and error codes, and one about who can fix it.

        Args:
            reader: The role of the person.
            source: The name of the survey tool, such as ``Qualtrics``.
        """
        if _ORDER.index(reader) >= min(_ORDER.index(self.audience), _ORDER.index(Audience.ADMIN)):
            return self
        # The survey tool, the network or the database recovers; all others require action.
        recovers = self.retryable and self.blame in {Blame.SOURCE, Blame.NETWORK, Blame.STORE}
        derived = (_PAUSED if recovers else _SUMMARIES[self.issue]).format(source=source)
        return self.model_copy(
            update={
                "message": self.summary or f"{derived[:1].upper()}{derived[1:]}",
                "remedy": _WHO_CAN_FIX[self.audience]
                if not recovers
                else _TRY_AGAIN
                if self.blame is Blame.STORE
                else _RETRIED,
                "code": None,
                "request_id": None,
                "fields": (),
            }
        )
