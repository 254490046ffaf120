"""Smaply Metrics: customer-experience numbers from survey tools, correct and fresh.

This module is for authors of sources: everything a plugin needs that costs nothing to import.
Hosts import ``smaply_metrics_core.host``; contract tests ``smaply_metrics_core.testing``. Counting
rows (``smaply_metrics_core.calculations.tally_builder``) and HTTP (``smaply_metrics_core.http``)
are imported where they are used, so that a process that needs neither does not load them.
"""

from smaply_metrics_core.context import Clock, Deadline, SourceContext, SystemClock
from smaply_metrics_core.errors import (
    AccessMissing,
    CalculationRefused,
    Cancelled,
    CredentialRefused,
    CredentialsInvalid,
    DeadlineExceeded,
    ExportFailed,
    GroupingRefused,
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
from smaply_metrics_core.hookspecs import ENTRY_POINT_GROUP, hookimpl
from smaply_metrics_core.models.check import CheckNote, CheckStep
from smaply_metrics_core.models.credentials import Credentials, FormField, Token, suggestion_error
from smaply_metrics_core.models.problem import Blame, FieldProblem, Issue, Problem
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
from smaply_metrics_core.models.source import Destination, RequestLimit, SourceDescription
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, Totals, WindowTally

__version__ = "0.1.0"

__all__ = [
    "ENTRY_POINT_GROUP",
    "AccessMissing",
    "Blame",
    "Calculation",
    "CalculationRefused",
    "Cancelled",
    "CheckNote",
    "CheckStep",
    "Choice",
    "Clock",
    "Counts",
    "CredentialRefused",
    "Credentials",
    "CredentialsInvalid",
    "DateRange",
    "Deadline",
    "DeadlineExceeded",
    "Definition",
    "Destination",
    "EmbeddedField",
    "ExclusionReason",
    "ExportFailed",
    "FieldProblem",
    "Filter",
    "FormField",
    "GroupBy",
    "GroupCounts",
    "GroupingRefused",
    "Issue",
    "MetricQuery",
    "MetricType",
    "MetricsError",
    "NoSurveys",
    "Period",
    "PluginError",
    "Problem",
    "QueryInvalid",
    "Question",
    "QuestionKind",
    "QuestionUnavailable",
    "Questionnaire",
    "RateLimited",
    "RemoteError",
    "RequestLimit",
    "ResultsUnavailable",
    "SourceContext",
    "SourceDescription",
    "SourceUnavailable",
    "Survey",
    "SurveyUnavailable",
    "SystemClock",
    "Tally",
    "Token",
    "Totals",
    "Unreachable",
    "Window",
    "WindowTally",
    "hookimpl",
    "suggestion_error",
]
