"""Every error that Smaply Metrics raises, in one tree.

::

    MetricsError
    ├── InputError                  what a person or a setting gave does not fit
    │   ├── CredentialsInvalid      a credentials form with fields that do not fit
    │   ├── QueryInvalid            a metric whose parts do not go together
    │   ├── NotFound                no such connection, metric or source in this account
    │   ├── AlreadyExists           a second connection to one source
    │   ├── EditConflict            another person saved the same thing first
    │   ├── RoleRequired            the actor's role does not allow this
    │   └── DestinationRefused      a host or folder that the operator does not allow
    ├── RemoteError                 the survey tool, or the way to it, said no
    │   ├── Unreachable             no connection: name, network, TLS, wrong service
    │   ├── SourceUnavailable       a 5xx answer, or one that is not what the API sends
    │   ├── RateLimited             too many requests
    │   ├── CredentialRefused       the token is not accepted
    │   ├── AccessMissing           the token is fine, the account lacks API access
    │   ├── NoSurveys               connected, but no survey can be seen
    │   ├── SurveyUnavailable       the survey is gone, or not shared with this user
    │   ├── ResultsUnavailable      the survey is there, its results may not be viewed
    │   ├── QuestionUnavailable     the question, field or answer is gone
    │   ├── ExportFailed            the export of responses failed, or came damaged
    │   └── CheckFailed             a required step of checking credentials failed
    ├── DataError                   the data is there and cannot become this number
    │   ├── CalculationRefused      the question does not allow the calculation
    │   └── GroupingRefused         too many groups, or a group for each respondent
    ├── PluginError                 a source broke its contract; names the distribution
    │   ├── SourceNotUsable         it is broken, blocked or missing and cannot be called
    │   └── DeadlineExceeded        it did not answer in time
    ├── EncryptionError             credentials cannot be sealed or opened
    │   ├── EncryptionKeyMissing    no key is configured
    │   └── DecryptionFailed        this one connection's credentials cannot be opened
    ├── StoreError                  the store cannot be used (newer release, not a database)
    ├── BundleRefused               a debug bundle would have carried a secret
    └── Cancelled                   the caller asked to stop

Catch ``MetricsError`` for all of them and ``RemoteError`` for whatever happened on the way to, or
in, the survey tool. Each carries a message and a remedy for people, and none carries a secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Audience, Blame, FieldProblem, Issue, Problem


class MetricsError(Exception):
    """Base of every error of this framework.

    Args:
        message: What happened, in a sentence for people, without internals or secrets.
        remedy: What to do about it, and where.
        code: The survey tool's own error code, when it sent one.
        request_id: The survey tool's id of the failed request: its support asks for it.
        issue: Overrides the issue of the class.
        audience: Overrides who can act on the remedy.
        summary: What people read who cannot act on the remedy, without details; derived from the
            issue by default.
        fields: The form fields that are not valid, each with a suggestion where one is known.

    ``issue`` is ``None`` for wrong input and for a plugin's own bug: these are said as what they
    are. Errors survive pickling, so they can cross processes.
    """

    kind: ClassVar[str] = "error"
    blame: ClassVar[Blame] = Blame.CONFIGURATION
    retryable: ClassVar[bool] = False
    issue: Issue | None = None
    audience: Audience = Audience.ADMIN
    default_remedy: ClassVar[str] = "Send the debug bundle to support."

    def __init__(  # noqa: PLR0913  # All by name: what is known about the failure.
        self,
        message: str,
        *,
        remedy: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        issue: Issue | None = None,
        audience: Audience | None = None,
        summary: str | None = None,
        fields: tuple[FieldProblem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.code = code
        self.request_id = request_id
        self.summary = summary
        self.fields = fields
        if issue is not None:
            self.issue = issue
        if audience is not None:
            self.audience = audience

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the attributes, since keyword arguments are lost by default."""
        return (_rebuild, (type(self), self.args, self.__dict__))

    def to_problem(self) -> Problem:
        """Return the JSON form that stores, APIs and other processes use."""
        return Problem(
            kind=self.kind,
            issue=self.issue,
            message=self.message,
            remedy=self.remedy,
            retryable=self.retryable,
            blame=self.blame,
            code=self.code,
            request_id=self.request_id,
            audience=self.audience,
            summary=self.summary,
            fields=self.fields,
        )


def _rebuild(cls: type[MetricsError], args: tuple[Any, ...], state: dict[str, Any]) -> MetricsError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InputError(MetricsError):
    """What a person or a setting gave does not fit."""

    kind = "invalid_input"
    audience = Audience.VIEWER
    default_remedy = "Correct the value and try again."


class CredentialsInvalid(InputError):
    """A credentials form holds fields that do not fit; ``fields`` says which and why."""

    kind = "credentials_invalid"


class QueryInvalid(InputError):
    """The parts of a metric do not go together, such as a Number with a group by."""

    kind = "query_invalid"


class NotFound(InputError):
    """This account has no such connection or metric, or no such source is installed."""

    kind = "not_found"
    default_remedy = "List what is there and use one of those ids."


class AlreadyExists(InputError):
    """An account has one connection for each source; this would be a second."""

    kind = "already_exists"


class EditConflict(InputError):
    """Somebody else saved the same thing first; nothing of this change was saved."""

    kind = "changed_meanwhile"


class RoleRequired(InputError):
    """The actor's role does not allow this."""

    kind = "role_required"
    blame = Blame.PERMISSION
    default_remedy = "Ask an Admin of this account."


class DestinationRefused(InputError):
    """The credentials lead to a host or folder that the operator does not allow."""

    kind = "destination_refused"
    audience = Audience.ADMIN


class RemoteError(MetricsError):
    """The survey tool, or the way to it, said no."""

    kind = "remote_error"
    blame = Blame.SOURCE
    issue = Issue.CONNECTION


class Unreachable(RemoteError):
    """No connection: the name does not resolve, nothing answers, TLS fails, wrong service."""

    kind = "unreachable"
    blame = Blame.NETWORK
    retryable = True
    default_remedy = "Check the base URL and that this machine can reach it, then try again."


class SourceUnavailable(RemoteError):
    """The survey tool answered with a 5xx, or with something that its API never sends."""

    kind = "source_unavailable"
    retryable = True
    default_remedy = "Wait a few minutes and try again; the last good value is kept meanwhile."


class RateLimited(RemoteError):
    """Too many requests, or an outage that asks for a long pause: until ``retry_at``."""

    kind = "rate_limited"
    audience = Audience.VIEWER
    retryable = True
    default_remedy = "Wait: the next update is made when the survey tool allows it."

    def __init__(
        self,
        message: str,
        *,
        retry_at: datetime | None = None,
        remedy: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, code=code, request_id=request_id)
        self.retry_at = retry_at


class CredentialRefused(RemoteError):
    """The survey tool does not accept the token."""

    kind = "credential_refused"
    blame = Blame.CREDENTIAL
    issue = Issue.AUTHENTICATION
    default_remedy = "Enter a current token under Edit Configuration."


class AccessMissing(RemoteError):
    """The token is recognised, but its user or licence lacks access to the API."""

    kind = "access_missing"
    blame = Blame.PERMISSION
    issue = Issue.AUTHENTICATION


class NoSurveys(RemoteError):
    """Connected, but the token's user can see no survey."""

    kind = "no_surveys"
    blame = Blame.PERMISSION
    issue = Issue.SURVEYS


class SurveyUnavailable(RemoteError):
    """The survey does not exist, or is not shared with the token's user."""

    kind = "survey_unavailable"
    audience = Audience.EDITOR
    blame = Blame.PERMISSION
    issue = Issue.DATA


class ResultsUnavailable(RemoteError):
    """The survey can be seen, but its results may not be viewed by the token's user."""

    kind = "results_unavailable"
    audience = Audience.EDITOR
    blame = Blame.PERMISSION
    issue = Issue.DATA


class QuestionUnavailable(RemoteError):
    """The question, field or answer that a metric uses is not in the survey (any more).

    ``fields`` names the part of the metric to change, with what to put there where the question's
    likely successor is known.
    """

    kind = "question_unavailable"
    audience = Audience.EDITOR
    blame = Blame.CONFIGURATION
    issue = Issue.DATA


class ExportFailed(RemoteError):
    """The export of responses failed, or what came was damaged or incomplete."""

    kind = "export_failed"
    audience = Audience.EDITOR
    retryable = True
    issue = Issue.DATA
    default_remedy = "Try again; if it stays, give support the request id."


class CheckFailed(RemoteError):
    """A required step of a check failed, so nothing was saved; ``report`` holds every step."""

    def __init__(self, report: CheckReport) -> None:
        problem = report.problem
        if problem is None:
            raise ValueError("a report without a problem has not failed")
        super().__init__(
            problem.message, remedy=problem.remedy, code=problem.code, request_id=problem.request_id
        )
        self.report = report
        self._problem = problem

    def to_problem(self) -> Problem:
        """Return the failed step's problem: its kind and issue, not this wrapper's."""
        return self._problem


class DataError(MetricsError):
    """The data is there, and cannot become this number."""

    kind = "data_error"
    audience = Audience.EDITOR
    issue = Issue.DATA


class CalculationRefused(DataError):
    """The question, or the answers found, do not allow the calculation."""

    kind = "calculation_refused"


class GroupingRefused(DataError):
    """Too many groups, or nearly one for each respondent: identifiers must not be stored."""

    kind = "grouping_refused"


class PluginError(MetricsError):
    """A source broke its contract; the message names its distribution."""

    kind = "plugin_error"
    audience = Audience.OPERATOR
    blame = Blame.PLUGIN
    default_remedy = "Tell the author of the source; other sources are not affected."


class SourceNotUsable(PluginError):
    """The source is broken, incompatible, clashing or blocked, so it is not called."""

    kind = "source_not_usable"
    default_remedy = "See `smaply-metrics source list` for the reason and what to mend."


class DeadlineExceeded(PluginError):
    """The source did not answer before the deadline of the call."""

    kind = "deadline_exceeded"
    retryable = True
    issue = Issue.CONNECTION
    default_remedy = "Try again; if it stays, allow more time or ask the survey tool's support."


class EncryptionError(MetricsError):
    """Credentials cannot be sealed or opened."""

    kind = "vault_error"
    audience = Audience.OPERATOR


class EncryptionKeyMissing(EncryptionError):
    """No key is configured, so nothing is sealed: secrets are never stored in clear."""

    kind = "key_missing"
    default_remedy = "Set SMAPLY_METRICS_ENCRYPTION_KEYS (see the docs on keys) and start again."


class DecryptionFailed(EncryptionError):
    """This connection's credentials cannot be opened: its key is lost or the data was changed."""

    kind = "seal_broken"
    audience = Audience.ADMIN
    issue = Issue.AUTHENTICATION
    default_remedy = "Enter the token again under Edit Configuration."


class StoreError(MetricsError):
    """The store cannot be used: it is no database, or a newer release wrote it."""

    kind = "store_error"
    audience = Audience.OPERATOR


class BundleRefused(MetricsError):
    """The debug bundle held the credential, so it was destroyed and not handed over."""

    kind = "bundle_refused"
    blame = Blame.PLUGIN


class Cancelled(MetricsError):
    """The caller asked to stop; nothing was changed."""

    kind = "cancelled"
    audience = Audience.VIEWER
    default_remedy = "Start it again when you want the result."
