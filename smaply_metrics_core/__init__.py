"""Smaply Metrics: customer-experience numbers from survey tools, correct and fresh.

This module is the contract, for authors of sources: models, errors, the context of a call, the
hook marker and the debug bundle. It is light to import. A plugin may also import
``smaply_metrics_core.http`` (HTTP), ``smaply_metrics_core.calculations`` (counting rows) and
``smaply_metrics_core.charts``; its tests import ``smaply_metrics_core.testing``. Host apps import
``smaply_metrics_core.host``. Every other module is private.
"""

from smaply_metrics_core._version import __version__
from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.context import (
    Clock,
    Deadline,
    ProgressCallback,
    SourceContext,
    StepCallback,
    SystemClock,
)
from smaply_metrics_core.date_ranges import period_start
from smaply_metrics_core.errors import (
    AccessMissing,
    CalculationRefused,
    Cancelled,
    CredentialRefused,
    CredentialsInvalid,
    DataError,
    DeadlineExceeded,
    DestinationRefused,
    ExportFailed,
    GroupingRefused,
    InputError,
    MetricsError,
    NoSurveys,
    PluginError,
    QueryInvalid,
    QuestionUnavailable,
    RateLimited,
    RemoteError,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.hookspecs import CONTRACT_VERSION, ENTRY_POINT_GROUP, hookimpl
from smaply_metrics_core.models.check import CheckNote, CheckReport, CheckStep, StepResult
from smaply_metrics_core.models.credentials import (
    CredentialField,
    Credentials,
    FormField,
    Token,
    credential_fields,
    parse_credentials,
    suggestion_error,
)
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.problem import Audience, Blame, FieldProblem, Issue, Problem
from smaply_metrics_core.models.query import (
    Calculation,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    MetricType,
    Period,
    Window,
)
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult
from smaply_metrics_core.models.source import Destination, RequestLimit, SourceDescription
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    KnownQuestion,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, Totals, WindowTally
from smaply_metrics_core.public_names import set_public_module
from smaply_metrics_core.redaction import Readable

__all__ = [
    "CONTRACT_VERSION",
    "ENTRY_POINT_GROUP",
    "AccessMissing",
    "AccountSettings",
    "Audience",
    "Blame",
    "BundleReader",
    "BundleWriter",
    "Calculation",
    "CalculationRefused",
    "Cancelled",
    "Change",
    "ChartType",
    "CheckNote",
    "CheckReport",
    "CheckStep",
    "Choice",
    "Clock",
    "Counts",
    "CredentialField",
    "CredentialRefused",
    "Credentials",
    "CredentialsInvalid",
    "DataError",
    "DateRange",
    "Deadline",
    "DeadlineExceeded",
    "Definition",
    "Destination",
    "DestinationRefused",
    "Display",
    "EmbeddedField",
    "ExclusionReason",
    "ExportFailed",
    "FieldProblem",
    "Filter",
    "FormField",
    "GroupBy",
    "GroupCounts",
    "GroupValue",
    "GroupingRefused",
    "InputError",
    "Issue",
    "KnownQuestion",
    "MetricQuery",
    "MetricType",
    "MetricsError",
    "NoSurveys",
    "Period",
    "PluginError",
    "Problem",
    "ProgressCallback",
    "QueryInvalid",
    "Question",
    "QuestionKind",
    "QuestionUnavailable",
    "Questionnaire",
    "RateLimited",
    "Readable",
    "RemoteError",
    "RequestLimit",
    "Result",
    "ResultsUnavailable",
    "SourceContext",
    "SourceDescription",
    "SourceUnavailable",
    "StepCallback",
    "StepResult",
    "Survey",
    "SurveyUnavailable",
    "SystemClock",
    "Tally",
    "Token",
    "Totals",
    "Unit",
    "Unreachable",
    "Window",
    "WindowResult",
    "WindowTally",
    "__version__",
    "credential_fields",
    "hookimpl",
    "parse_credentials",
    "period_start",
    "suggestion_error",
]

set_public_module(__name__, [globals()[name] for name in __all__])
