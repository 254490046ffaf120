"""The API for host apps: connections, metrics and cards.

>>> settings = Settings.from_environment(home, account="acme")
>>> with MetricsHost(settings) as host:
...     cards = host.cards.load(Actor("acme", "vera", Role.VIEWER))

``AsyncMetricsHost`` is the same API for an event loop.

The names that host apps share with plugin authors (``Definition``, ``Survey``, ``Problem``, every
error …) are the same objects as in ``smaply_metrics_core``, so a host app imports all of them here.
"""

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.calculations.catalog import CALCULATIONS, CalculationDefinition
from smaply_metrics_core.calculations.response_text import describe_answers, describe_responses
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.context import Clock, ProgressCallback, StepCallback, SystemClock
from smaply_metrics_core.environment import EnvironmentVariable
from smaply_metrics_core.errors import (
    AccessMissing,
    AlreadyExists,
    BundleRefused,
    CalculationRefused,
    Cancelled,
    CheckFailed,
    CredentialRefused,
    CredentialsInvalid,
    DataError,
    DeadlineExceeded,
    DecryptionFailed,
    DestinationRefused,
    EditConflict,
    EncryptionError,
    EncryptionKeyMissing,
    ExportFailed,
    GroupingRefused,
    InputError,
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
    SourceNotUsable,
    SourceUnavailable,
    StoreError,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.host.accounts import Accounts
from smaply_metrics_core.host.async_metrics_host import (
    AsyncAccounts,
    AsyncAuditTrail,
    AsyncCards,
    AsyncConnections,
    AsyncDebugBundles,
    AsyncMetrics,
    AsyncMetricsHost,
    AsyncSources,
    AsyncSurveyCatalog,
)
from smaply_metrics_core.host.audit import AuditTrail
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.cards.flat_json import card_json, result_json
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.connections.views import (
    ConnectionStatus,
    ConnectionView,
    DeletedConnection,
    FieldView,
    SourceForm,
)
from smaply_metrics_core.host.debug_bundles import DebugBundle, DebugBundles
from smaply_metrics_core.host.metrics.form_models import FormOption, MetricDraft, MetricOptions
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import SurveyCatalog, SurveyPage
from smaply_metrics_core.host.metrics_host import MetricsHost
from smaply_metrics_core.host.refresh.decisions import RefreshExplanation
from smaply_metrics_core.host.refresh.worker import Worker
from smaply_metrics_core.host.settings import Deadlines, Settings
from smaply_metrics_core.host.single_flight import SingleFlight
from smaply_metrics_core.host.store.audit import AuditAction, AuditEntry
from smaply_metrics_core.host.store.history import HistoryEntry
from smaply_metrics_core.host.store.migrations.runner import StoreUpgrade
from smaply_metrics_core.models.check import CheckReport, CheckStep, StepResult
from smaply_metrics_core.models.credentials import CredentialField
from smaply_metrics_core.models.metric import (
    Card,
    ChartType,
    Display,
    Freshness,
    Metric,
    RefreshProgress,
)
from smaply_metrics_core.models.problem import Audience, Blame, FieldProblem, Issue, Problem
from smaply_metrics_core.models.query import (
    PRESETS,
    Calculation,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
    Period,
    Window,
    parse_filter,
)
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    KnownQuestion,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.public_names import set_public_module
from smaply_metrics_core.refresh_policy import RefreshDecision, RefreshDecisionKind, RefreshPolicy
from smaply_metrics_core.sources import (
    AllowedDestinations,
    SourceRegistry,
    SourceSettings,
    SourceState,
    SourceStatus,
)

__all__ = [
    "CALCULATIONS",
    "PRESETS",
    "AccessMissing",
    "AccountSettings",
    "Accounts",
    "Actor",
    "AllowedDestinations",
    "AlreadyExists",
    "AsyncAccounts",
    "AsyncAuditTrail",
    "AsyncCards",
    "AsyncConnections",
    "AsyncDebugBundles",
    "AsyncMetrics",
    "AsyncMetricsHost",
    "AsyncSources",
    "AsyncSurveyCatalog",
    "Audience",
    "AuditAction",
    "AuditEntry",
    "AuditTrail",
    "Blame",
    "BundleRefused",
    "Calculation",
    "CalculationDefinition",
    "CalculationRefused",
    "Cancelled",
    "Card",
    "Cards",
    "Change",
    "ChartType",
    "CheckFailed",
    "CheckReport",
    "CheckStep",
    "Choice",
    "Clock",
    "ConnectionStatus",
    "ConnectionView",
    "Connections",
    "CredentialField",
    "CredentialRefused",
    "CredentialsInvalid",
    "DataError",
    "DateRange",
    "DeadlineExceeded",
    "Deadlines",
    "DebugBundle",
    "DebugBundles",
    "DecryptionFailed",
    "Definition",
    "DeletedConnection",
    "DestinationRefused",
    "Display",
    "EditConflict",
    "EmbeddedField",
    "EncryptionError",
    "EncryptionKeyMissing",
    "EnvironmentVariable",
    "ExclusionReason",
    "ExportFailed",
    "FieldProblem",
    "FieldView",
    "Filter",
    "FormOption",
    "Freshness",
    "GroupBy",
    "GroupValue",
    "GroupingRefused",
    "HistoryEntry",
    "InputError",
    "Issue",
    "KnownQuestion",
    "Metric",
    "MetricDraft",
    "MetricOptions",
    "MetricType",
    "Metrics",
    "MetricsError",
    "MetricsHost",
    "NoSurveys",
    "NotFound",
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
    "RefreshDecision",
    "RefreshDecisionKind",
    "RefreshExplanation",
    "RefreshPolicy",
    "RefreshProgress",
    "RemoteError",
    "Result",
    "ResultsUnavailable",
    "Role",
    "RoleRequired",
    "Settings",
    "SingleFlight",
    "SourceForm",
    "SourceNotUsable",
    "SourceRegistry",
    "SourceSettings",
    "SourceState",
    "SourceStatus",
    "SourceUnavailable",
    "StepCallback",
    "StepResult",
    "StoreError",
    "StoreUpgrade",
    "Survey",
    "SurveyCatalog",
    "SurveyPage",
    "SurveyUnavailable",
    "SystemClock",
    "Unit",
    "Unreachable",
    "Window",
    "WindowResult",
    "Worker",
    "card_json",
    "describe_answers",
    "describe_responses",
    "format_value",
    "parse_filter",
    "result_json",
]

set_public_module(__name__, [globals()[name] for name in __all__])
