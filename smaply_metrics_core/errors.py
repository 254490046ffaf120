"""The exceptions of Smaply Metrics, in one tree.

::

    MetricsError
    ├── InputError                  a value or a setting is not valid
    │   ├── CredentialsInvalid      fields of a credentials form are not valid
    │   ├── QueryInvalid            the parts of a metric cannot be combined
    │   │   └── DefinitionInvalid   a definition or display has a value that is not valid
    │   ├── NotFound                no such connection, metric or source in this account
    │   ├── AmbiguousConnection     several connections of the account match
    │   ├── AlreadyExists           the account already has a connection of this name
    │   ├── EditConflict            another user saved a newer version first
    │   ├── RoleRequired            the actor's role does not allow this
    │   ├── SurveyNotChosen         an Admin restricted the connection to other surveys
    │   └── DestinationRefused      the operator does not allow this host or folder
    ├── RemoteError                 a request to the survey tool failed
    │   ├── Unreachable             no connection: DNS, network, TLS, wrong service
    │   ├── SourceUnavailable       a 5xx response, or one that the API never sends
    │   ├── RateLimited             too many requests
    │   ├── CredentialRefused       the token is not accepted
    │   ├── AccessMissing           the token is valid, but has no access to the API
    │   ├── NoSurveys               connected, but no survey is visible
    │   ├── SurveyUnavailable       the survey was deleted or is not shared
    │   ├── ResultsUnavailable      the survey is visible, but not its results
    │   ├── QuestionUnavailable     the question, field or answer no longer exists
    │   ├── ExportFailed            the export of responses failed or is damaged
    │   └── CheckFailed             a required step of a connection check failed
    ├── DataError                   the data does not allow this metric
    │   ├── CalculationRefused      the question does not support the calculation
    │   ├── GroupingRefused         too many groups, or one for each respondent
    │   └── SmallGroupRefused       the filters keep or remove too few answers
    ├── PluginError                 a source violated the contract
    │   ├── SourceNotUsable         the source is broken, incompatible or blocked
    │   └── DeadlineExceeded        the source did not answer before the deadline
    ├── EncryptionError             credentials cannot be encrypted or decrypted
    │   ├── EncryptionKeyMissing    no key is configured
    │   └── DecryptionFailed        the credentials of one connection cannot be decrypted
    │       └── CredentialsNotUsable    this process lacks their key or their source
    ├── StoreError                  the store cannot be used
    │   ├── StoreMisconfigured      the settings of the store are not valid
    │   └── StoreUnavailable        the store cannot be used at the moment
    ├── LimitReached                the account has reached a limit that the operator set
    ├── BundleRefused               the debug bundle contained a secret
    └── Cancelled                   the caller cancelled the call

Catch ``MetricsError`` for all of them, or ``RemoteError`` for failures of the survey tool and the
network. Each has a message and a remedy for people. None contains a secret.
"""

from __future__ import annotations

from datetime import datetime

from smaply_metrics_core.error_base import MetricsError as MetricsError  # noqa: PLC0414  # Re-exported.
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Audience, Blame, Issue, Problem


class InputError(MetricsError):
    """A value or a setting is not valid."""

    kind = "invalid_input"
    audience = Audience.VIEWER
    default_remedy = "Correct the value and try again."


class CredentialsInvalid(InputError):
    """Fields of a credentials form are not valid; ``fields`` lists them with the reasons."""

    kind = "credentials_invalid"


class QueryInvalid(InputError):
    """The parts of a metric cannot be combined, such as a Number with a group-by."""

    kind = "query_invalid"


class DefinitionInvalid(QueryInvalid, ValueError):
    """A part of a definition or display is not valid; a ``ValueError`` for pydantic as well."""

    kind = "definition_invalid"


class NotFound(InputError):
    """The account has no such connection or metric, or the source is not installed."""

    kind = "not_found"
    default_remedy = "Choose one from the list."


class AmbiguousConnection(InputError):
    """Several connections of the account match what was given."""

    kind = "ambiguous_connection"


class AlreadyExists(InputError):
    """The account already has a connection of this name, or one to this source and no new name."""

    kind = "already_exists"


class EditConflict(InputError):
    """Another user saved a newer version first; this change was not saved."""

    kind = "changed_meanwhile"


class RoleRequired(InputError):
    """The actor's role does not allow this."""

    kind = "role_required"
    blame = Blame.PERMISSION
    default_remedy = "Ask an Admin of this account."


class SurveyNotChosen(InputError):
    """An Admin restricted the connection to chosen surveys, and this survey is not one of them."""

    kind = "survey_not_chosen"
    audience = Audience.EDITOR
    default_remedy = "Choose another survey. An Admin can add this one on the Integrations page."


class DestinationRefused(InputError):
    """The credentials point to a host or folder that the operator does not allow."""

    kind = "destination_refused"
    audience = Audience.ADMIN
    process_only = True


class RemoteError(MetricsError):
    """A request to the survey tool failed."""

    kind = "remote_error"
    blame = Blame.SOURCE
    issue = Issue.CONNECTION


class Unreachable(RemoteError):
    """The name does not resolve, nothing answers, TLS fails, or another service answers."""

    kind = "unreachable"
    blame = Blame.NETWORK
    retryable = True
    default_remedy = "Check the host name and the network of this server, then try again."


class SourceUnavailable(RemoteError):
    """The survey tool sent a 5xx response, or one that its API never sends."""

    kind = "source_unavailable"
    retryable = True
    default_remedy = "Try again in a few minutes."


class RateLimited(RemoteError):
    """Too many requests, or an outage with a long ``Retry-After``; wait until ``retry_at``.

    With ``whole_server``, the survey tool rejects this installation, not one user, as after several
    wrong passwords. All connections to the same server then rest until ``retry_at``.
    """

    kind = "rate_limited"
    audience = Audience.VIEWER
    retryable = True
    default_remedy = "Try again later; cards are refreshed when the survey tool allows it."

    def __init__(  # noqa: PLR0913  # Keywords with a default.
        self,
        message: str,
        *,
        retry_at: datetime | None = None,
        whole_server: bool = False,
        remedy: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, code=code, request_id=request_id)
        self.retry_at = retry_at
        self.whole_server = whole_server


class CredentialRefused(RemoteError):
    """The survey tool does not accept the token."""

    kind = "credential_refused"
    blame = Blame.CREDENTIAL
    issue = Issue.AUTHENTICATION
    default_remedy = "Enter a valid API token."


class AccessMissing(RemoteError):
    """The token is valid, but its user or licence has no access to the API."""

    kind = "access_missing"
    blame = Blame.PERMISSION
    issue = Issue.AUTHENTICATION


class NoSurveys(RemoteError):
    """The connection works, but the token's user can see no survey."""

    kind = "no_surveys"
    blame = Blame.PERMISSION
    issue = Issue.SURVEYS


class SurveyUnavailable(RemoteError):
    """The survey does not exist or is not shared with the token's user."""

    kind = "survey_unavailable"
    audience = Audience.EDITOR
    blame = Blame.PERMISSION
    issue = Issue.DATA


class ResultsUnavailable(RemoteError):
    """The token's user can see the survey, but not its results."""

    kind = "results_unavailable"
    audience = Audience.EDITOR
    blame = Blame.PERMISSION
    issue = Issue.DATA


class QuestionUnavailable(RemoteError):
    """The survey does not have the question, field or answer that a metric uses.

    ``fields`` names the part of the metric to change, and suggests the question's likely successor
    if there is one.
    """

    kind = "question_unavailable"
    audience = Audience.EDITOR
    blame = Blame.CONFIGURATION
    issue = Issue.DATA


class ExportFailed(RemoteError):
    """The export of responses failed, or is damaged or incomplete."""

    kind = "export_failed"
    audience = Audience.EDITOR
    retryable = True
    issue = Issue.DATA
    default_remedy = "Try again; if it fails again, contact support with the request ID."


class CheckFailed(RemoteError):
    """A required step of a check failed, so nothing was saved; ``report`` has every step."""

    def __init__(self, report: CheckReport) -> None:
        problem = report.problem
        if problem is None:
            raise ValueError("the report has no problem")
        super().__init__(
            problem.message, remedy=problem.remedy, code=problem.code, request_id=problem.request_id
        )
        self.report = report
        self._problem = problem

    def to_problem(self) -> Problem:
        """Return the problem of the failed step, with its kind and issue."""
        return self._problem


class DataError(MetricsError):
    """The data does not allow this metric."""

    kind = "data_error"
    audience = Audience.EDITOR
    issue = Issue.DATA


class CalculationRefused(DataError):
    """The question or its answers do not support the calculation."""

    kind = "calculation_refused"


class GroupingRefused(DataError):
    """Too many groups, or nearly one for each respondent, which would store identifiers."""

    kind = "grouping_refused"


class SmallGroupRefused(DataError):
    """The filters keep or remove fewer answers than the account allows to be shown."""

    kind = "small_group_refused"


class PluginError(MetricsError):
    """A source violated the contract; the message names its distribution."""

    kind = "plugin_error"
    audience = Audience.OPERATOR
    blame = Blame.PLUGIN
    default_remedy = "Report this to the author of the source; other sources are not affected."


class SourceNotUsable(PluginError):
    """The source is broken, incompatible, in conflict or blocked, so it is not called."""

    kind = "source_not_usable"
    process_only = True
    default_remedy = "Run `smaply-metrics source list` for the reason and the fix."


class DeadlineExceeded(PluginError):
    """The source did not answer before the deadline."""

    kind = "deadline_exceeded"
    blame = Blame.SOURCE
    retryable = True
    issue = Issue.CONNECTION
    default_remedy = "Try again; if it fails again, contact the survey tool's support."


class EncryptionError(MetricsError):
    """Credentials cannot be encrypted or decrypted."""

    kind = "vault_error"
    audience = Audience.OPERATOR
    process_only = True


class EncryptionKeyMissing(EncryptionError):
    """No key is configured, so credentials cannot be stored; they are never stored in clear."""

    kind = "key_missing"
    default_remedy = "Set SMAPLY_METRICS_ENCRYPTION_KEYS (see docs/keys.md) and restart."


class DecryptionFailed(EncryptionError):
    """The credentials of a connection cannot be decrypted: wrong key, or changed data."""

    kind = "seal_broken"
    audience = Audience.ADMIN
    process_only = False
    issue = Issue.AUTHENTICATION
    default_remedy = "Enter the credentials again under Edit Configuration."


class CredentialsNotUsable(DecryptionFailed):
    """This process lacks the key of the credentials, or the source that they were entered for."""

    kind = "credentials_not_usable"
    process_only = True


class StoreError(MetricsError):
    """The store cannot be used: it is not a database, is read-only, or is of a newer release."""

    kind = "store_error"
    audience = Audience.OPERATOR
    blame = Blame.STORE
    process_only = True
    default_summary = "The database of this installation cannot be used."


class StoreMisconfigured(StoreError):
    """The store cannot be opened with these settings: wrong password, missing database."""

    kind = "store_misconfigured"
    blame = Blame.CONFIGURATION


class StoreUnavailable(StoreError):
    """The store cannot be used at the moment: it is stopped, unreachable or busy."""

    kind = "store_unavailable"
    retryable = True
    default_remedy = "Try again in a few minutes; if it fails again, check the database server."
    default_summary = "The data of this installation is not available at the moment."


class LimitReached(MetricsError):
    """The account has reached a limit that the operator set; nothing was requested or stored."""

    kind = "limit_reached"


class BundleRefused(MetricsError):
    """The debug bundle contained a secret, so it was deleted."""

    kind = "bundle_refused"
    blame = Blame.PLUGIN


class Cancelled(MetricsError):
    """The caller cancelled the call; nothing was changed."""

    kind = "cancelled"
    audience = Audience.VIEWER
    default_remedy = "Start it again if you need the result."
