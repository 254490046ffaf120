"""A problem as data: what an error turns into for the store, the API and other processes."""

from __future__ import annotations

from enum import StrEnum

from smaply_metrics_core.models.base import Frozen


class Issue(StrEnum):
    """What the Integrations page calls the trouble."""

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


class FieldProblem(Frozen):
    """What is wrong with one field of a form, and the value to use where that is known."""

    name: str
    message: str
    suggestion: str | None = None


class Problem(Frozen):
    """An error for people and programs alike; never holds a secret.

    ``kind`` is the stable name of the error's class, ``issue`` what the Integrations page calls
    it (absent for wrong input and plugin bugs), ``code`` and ``request_id`` the survey tool's own.
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
