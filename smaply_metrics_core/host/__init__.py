"""For host apps: connections kept safe, metrics, and cards that are right and quick.

>>> settings = Settings.from_environment(home, account="acme")
>>> with MetricsHost(settings) as host:
...     cards = host.cards.load(Actor("acme", "vera", Role.VIEWER))

``AsyncMetricsHost`` is the same for an event loop.

The words that a host shares with the authors of sources (``Definition``, ``Survey``, ``Problem``,
every error …) are the very same objects as in ``smaply_metrics_core``: a host needs no other door.
"""

from smaply_metrics_core.calculations.meanings import DEFINITIONS, CalculationDefinition
from smaply_metrics_core.calculations.value import format_value
from smaply_metrics_core.calculations.who import who_answered, who_counts
from smaply_metrics_core.context import Clock, SystemClock
from smaply_metrics_core.errors import (
    AccessMissing,
    AlreadyExists,
    BundleRefused,
    CalculationRefused,
    Cancelled,
    ChangedMeanwhile,
    CheckFailed,
    CredentialRefused,
    CredentialsInvalid,
    DataError,
    DeadlineExceeded,
    DestinationRefused,
    ExportFailed,
    GroupingRefused,
    InputError,
    KeyMissing,
    MetricsError,
    NoSurveys,
    NotFound,
    PluginError,
    QueryInvalid,
    QuestionUnavailable,
    RateLimited,
    RemoteError,
    ResultsUnavailable,
    RoleRequired,
    SealBroken,
    SourceNotUsable,
    SourceUnavailable,
    StoreError,
    SurveyUnavailable,
    Unreachable,
    VaultError,
)
from smaply_metrics_core.host.actors import Actor, Role
from smaply_metrics_core.host.asynchronous import AsyncMetricsHost
from smaply_metrics_core.host.catalogue import SurveyPage
from smaply_metrics_core.host.debugging import DebugBundle
from smaply_metrics_core.host.options import Draft, MetricOptions, Option
from smaply_metrics_core.host.service import MetricsHost
from smaply_metrics_core.host.settings import Deadlines, Settings
from smaply_metrics_core.host.store.connections import AccountSettings
from smaply_metrics_core.host.views import (
    ConnectionStatus,
    ConnectionView,
    DeletedConnection,
    FieldView,
    SourceForm,
)
from smaply_metrics_core.models.check import CheckReport, CheckStep, StepResult
from smaply_metrics_core.models.credentials import CredentialField
from smaply_metrics_core.models.metric import Card, ChartType, Display, Freshness, Metric
from smaply_metrics_core.models.problem import Blame, FieldProblem, Issue, Problem
from smaply_metrics_core.models.query import (
    PRESETS,
    Calculation,
    DateRange,
    Definition,
    Filter,
    GroupBy,
    LeftOut,
    MetricType,
    Period,
    Window,
    parse_filter,
)
from smaply_metrics_core.models.result import Change, GroupValue, Measured, Result, Unit
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    KnownQuestion,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.refresh import Decision, DecisionKind, RefreshPolicy
from smaply_metrics_core.sources import (
    AllowedDestinations,
    SourceRegistry,
    SourceSettings,
    SourceState,
    State,
)

__all__ = [
    "DEFINITIONS",
    "PRESETS",
    "AccessMissing",
    "AccountSettings",
    "Actor",
    "AllowedDestinations",
    "AlreadyExists",
    "AsyncMetricsHost",
    "Blame",
    "BundleRefused",
    "Calculation",
    "CalculationDefinition",
    "CalculationRefused",
    "Cancelled",
    "Card",
    "Change",
    "ChangedMeanwhile",
    "ChartType",
    "CheckFailed",
    "CheckReport",
    "CheckStep",
    "Choice",
    "Clock",
    "ConnectionStatus",
    "ConnectionView",
    "CredentialField",
    "CredentialRefused",
    "CredentialsInvalid",
    "DataError",
    "DateRange",
    "DeadlineExceeded",
    "Deadlines",
    "DebugBundle",
    "Decision",
    "DecisionKind",
    "Definition",
    "DeletedConnection",
    "DestinationRefused",
    "Display",
    "Draft",
    "EmbeddedField",
    "ExportFailed",
    "FieldProblem",
    "FieldView",
    "Filter",
    "Freshness",
    "GroupBy",
    "GroupValue",
    "GroupingRefused",
    "InputError",
    "Issue",
    "KeyMissing",
    "KnownQuestion",
    "LeftOut",
    "Measured",
    "Metric",
    "MetricOptions",
    "MetricType",
    "MetricsError",
    "MetricsHost",
    "NoSurveys",
    "NotFound",
    "Option",
    "Period",
    "PluginError",
    "Problem",
    "QueryInvalid",
    "Question",
    "QuestionKind",
    "QuestionUnavailable",
    "Questionnaire",
    "RateLimited",
    "RefreshPolicy",
    "RemoteError",
    "Result",
    "ResultsUnavailable",
    "Role",
    "RoleRequired",
    "SealBroken",
    "Settings",
    "SourceForm",
    "SourceNotUsable",
    "SourceRegistry",
    "SourceSettings",
    "SourceState",
    "SourceUnavailable",
    "State",
    "StepResult",
    "StoreError",
    "Survey",
    "SurveyPage",
    "SurveyUnavailable",
    "SystemClock",
    "Unit",
    "Unreachable",
    "VaultError",
    "Window",
    "format_value",
    "parse_filter",
    "who_answered",
    "who_counts",
]
