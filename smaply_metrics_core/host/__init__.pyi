from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.bundle.spreadsheet_csv import escape_formula
from smaply_metrics_core.calculations.catalog import CALCULATIONS, CalculationDefinition
from smaply_metrics_core.calculations.response_text import (
    count_text,
    describe_answers,
    describe_responses,
    describe_weights,
    n_text,
)
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.context import Clock, ProgressCallback, StepCallback, SystemClock
from smaply_metrics_core.entered_values.cells import (
    CellFormats,
    CellProblem,
    EnteredCells,
    ReadCells,
    read_cells,
    split_pasted,
)
from smaply_metrics_core.entered_values.tables import (
    EnteredInput,
    EnteredRow,
    EnteredTable,
    EnteredUnit,
)
from smaply_metrics_core.environment import EnvironmentVariable
from smaply_metrics_core.errors import (
    AccessMissing,
    AlreadyExists,
    AmbiguousConnection,
    BundleRefused,
    CalculationRefused,
    Cancelled,
    CheckFailed,
    CredentialRefused,
    CredentialsInvalid,
    CredentialsNotUsable,
    DataError,
    DeadlineExceeded,
    DecryptionFailed,
    DefinitionInvalid,
    DestinationRefused,
    EditConflict,
    EncryptionError,
    EncryptionKeyMissing,
    ExportFailed,
    GroupingRefused,
    InputError,
    LimitReached,
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
    SmallGroupRefused,
    SourceNotUsable,
    SourceUnavailable,
    StoreError,
    StoreMisconfigured,
    StoreUnavailable,
    SurveyNotChosen,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.host.accounts.deletion import DeletedAccount
from smaply_metrics_core.host.accounts.export import AccountExport
from smaply_metrics_core.host.accounts.limits import LimitUse
from smaply_metrics_core.host.accounts.service import Accounts
from smaply_metrics_core.host.async_metrics_host import (
    AsyncAccounts,
    AsyncAuditTrail,
    AsyncCards,
    AsyncChosenSurveys,
    AsyncConnections,
    AsyncDebugBundles,
    AsyncEnteredValues,
    AsyncEvents,
    AsyncHealth,
    AsyncKeys,
    AsyncMetrics,
    AsyncMetricsHost,
    AsyncSources,
    AsyncSurveyCatalog,
)
from smaply_metrics_core.host.audit import AuditTrail
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.cards.flat_json import card_json, result_json
from smaply_metrics_core.host.cards.metric_table import MetricTable, history_table, value_table
from smaply_metrics_core.host.cards.refresh_attempts import AttemptOutcome, RefreshAttempt
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.chosen_surveys import (
    ChosenSurveys,
    SurveyChoice,
    SurveyOption,
)
from smaply_metrics_core.host.connections.key_rotation import (
    FailedRotation,
    KeyCheck,
    KeyRotation,
    Keys,
    KeyStatus,
    KeyUse,
)
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.connections.views import (
    ConnectionStatus,
    ConnectionView,
    DeletedConnection,
    FieldView,
    SourceForm,
)
from smaply_metrics_core.host.debug_bundles import DebugBundle, DebugBundles
from smaply_metrics_core.host.entered_values import EnteredValues, SavedTable
from smaply_metrics_core.host.events.delivery import EventCallback, EventSubscription
from smaply_metrics_core.host.events.service import Events
from smaply_metrics_core.host.health.doctor import diagnose
from smaply_metrics_core.host.health.report import HealthCheck, HealthReport, HealthStatus
from smaply_metrics_core.host.health.service import Health
from smaply_metrics_core.host.maintenance.backup import back_up_store
from smaply_metrics_core.host.maintenance.check import StoreCheck, StoreFinding, check_store
from smaply_metrics_core.host.metrics.answer_counts import AnswerCounts
from smaply_metrics_core.host.metrics.form_models import FormOption, MetricDraft, MetricOptions
from smaply_metrics_core.host.metrics.metric_lists import MetricInput, MetricListPage
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import SurveyCatalog, SurveyPage
from smaply_metrics_core.host.metrics_host import MetricsHost
from smaply_metrics_core.host.refresh.decisions import RefreshExplanation
from smaply_metrics_core.host.refresh.worker import Worker
from smaply_metrics_core.host.settings import Deadlines, Settings
from smaply_metrics_core.host.single_flight import SingleFlight
from smaply_metrics_core.host.store.account_limits import AccountLimits
from smaply_metrics_core.host.store.audit import AuditAction, AuditEntry
from smaply_metrics_core.host.store.event_consumers import EventConsumer
from smaply_metrics_core.host.store.events import EventKind, MetricsEvent
from smaply_metrics_core.host.store.history import HistoryEntry
from smaply_metrics_core.host.store.migrations.runner import StoreUpgrade
from smaply_metrics_core.host.telemetry import enable_telemetry, telemetry_of
from smaply_metrics_core.models.check import CheckReport, CheckStep, StepResult
from smaply_metrics_core.models.columns import (
    ColumnEdit,
    ColumnSheet,
    RoleOption,
    SheetColumn,
    SheetTable,
    ValueCount,
)
from smaply_metrics_core.models.credentials import CredentialField
from smaply_metrics_core.models.metric import (
    Card,
    ChartType,
    Display,
    Freshness,
    IntervalVisibility,
    Metric,
    RefreshDecisionKind,
    RefreshProgress,
)
from smaply_metrics_core.models.problem import Audience, Blame, FieldProblem, Issue, Problem
from smaply_metrics_core.models.query import (
    ENTERED,
    PRESETS,
    ROLLING,
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
    Period,
    Weight,
    Window,
    parse_filter,
)
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.result import (
    Change,
    GroupValue,
    PeriodChange,
    Result,
    Unit,
    WindowResult,
)
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    KnownQuestion,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.uncertainty import (
    Interval,
    IntervalMethod,
    UncertaintyReason,
    Verdict,
)
from smaply_metrics_core.observability.correlation import correlated, correlation_id
from smaply_metrics_core.observability.log_events import log_event
from smaply_metrics_core.observability.log_output import (
    LogFormat,
    LogLevel,
    log_formatter,
    logging_to_stderr,
)
from smaply_metrics_core.refresh_policy import RefreshDecision, RefreshPolicy
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_core.sources.source_state import SourceState, SourceStatus
from smaply_metrics_core.sources.temp_dirs import TempDirs

__all__ = [
    "CALCULATIONS",
    "ENTERED",
    "PRESETS",
    "ROLLING",
    "AccessMissing",
    "AccountExport",
    "AccountLimits",
    "AccountSettings",
    "Accounts",
    "Actor",
    "AllowedDestinations",
    "AlreadyExists",
    "AmbiguousConnection",
    "AnswerCounts",
    "AsyncAccounts",
    "AsyncAuditTrail",
    "AsyncCards",
    "AsyncChosenSurveys",
    "AsyncConnections",
    "AsyncDebugBundles",
    "AsyncEnteredValues",
    "AsyncEvents",
    "AsyncHealth",
    "AsyncKeys",
    "AsyncMetrics",
    "AsyncMetricsHost",
    "AsyncSources",
    "AsyncSurveyCatalog",
    "AttemptOutcome",
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
    "CellFormats",
    "CellProblem",
    "Change",
    "ChartType",
    "CheckFailed",
    "CheckReport",
    "CheckStep",
    "Choice",
    "ChosenSurveys",
    "Clock",
    "ColumnEdit",
    "ColumnSheet",
    "ComparedPeriod",
    "ConnectionStatus",
    "ConnectionView",
    "Connections",
    "CredentialField",
    "CredentialRefused",
    "CredentialsInvalid",
    "CredentialsNotUsable",
    "DataError",
    "DateRange",
    "DeadlineExceeded",
    "Deadlines",
    "DebugBundle",
    "DebugBundles",
    "DecryptionFailed",
    "Definition",
    "DefinitionInvalid",
    "DeletedAccount",
    "DeletedConnection",
    "DestinationRefused",
    "Display",
    "EditConflict",
    "EmbeddedField",
    "EncryptionError",
    "EncryptionKeyMissing",
    "EnteredCells",
    "EnteredInput",
    "EnteredRow",
    "EnteredTable",
    "EnteredUnit",
    "EnteredValues",
    "EnvironmentVariable",
    "EventCallback",
    "EventConsumer",
    "EventKind",
    "EventSubscription",
    "Events",
    "ExclusionReason",
    "ExportFailed",
    "FailedRotation",
    "FieldProblem",
    "FieldView",
    "Filter",
    "FormOption",
    "Freshness",
    "GroupBy",
    "GroupValue",
    "GroupingRefused",
    "Health",
    "HealthCheck",
    "HealthReport",
    "HealthStatus",
    "HistoryEntry",
    "InputError",
    "Interval",
    "IntervalMethod",
    "IntervalVisibility",
    "Issue",
    "KeyCheck",
    "KeyRotation",
    "KeyStatus",
    "KeyUse",
    "Keys",
    "KnownQuestion",
    "LimitReached",
    "LimitUse",
    "LogFormat",
    "LogLevel",
    "Metric",
    "MetricDraft",
    "MetricInput",
    "MetricListPage",
    "MetricOptions",
    "MetricTable",
    "MetricType",
    "Metrics",
    "MetricsError",
    "MetricsEvent",
    "MetricsHost",
    "NoSurveys",
    "NotFound",
    "Period",
    "PeriodChange",
    "PluginError",
    "Problem",
    "ProgressCallback",
    "QueryInvalid",
    "Question",
    "QuestionChange",
    "QuestionKind",
    "QuestionUnavailable",
    "Questionnaire",
    "RateLimited",
    "ReadCells",
    "RefreshAttempt",
    "RefreshDecision",
    "RefreshDecisionKind",
    "RefreshExplanation",
    "RefreshPolicy",
    "RefreshProgress",
    "RemoteError",
    "Result",
    "ResultsUnavailable",
    "Role",
    "RoleOption",
    "RoleRequired",
    "SavedTable",
    "Settings",
    "SheetColumn",
    "SheetTable",
    "SingleFlight",
    "SmallGroupRefused",
    "SourceForm",
    "SourceNotUsable",
    "SourceRegistry",
    "SourceSettings",
    "SourceState",
    "SourceStatus",
    "SourceUnavailable",
    "StepCallback",
    "StepResult",
    "StoreCheck",
    "StoreError",
    "StoreFinding",
    "StoreMisconfigured",
    "StoreUnavailable",
    "StoreUpgrade",
    "Survey",
    "SurveyCatalog",
    "SurveyChoice",
    "SurveyNotChosen",
    "SurveyOption",
    "SurveyPage",
    "SurveyUnavailable",
    "SystemClock",
    "TempDirs",
    "UncertaintyReason",
    "Unit",
    "Unreachable",
    "ValueCount",
    "Verdict",
    "Weight",
    "Window",
    "WindowResult",
    "Worker",
    "back_up_store",
    "card_json",
    "check_store",
    "correlated",
    "correlation_id",
    "count_text",
    "describe_answers",
    "describe_responses",
    "describe_weights",
    "diagnose",
    "enable_telemetry",
    "escape_formula",
    "format_value",
    "history_table",
    "log_event",
    "log_formatter",
    "logging_to_stderr",
    "n_text",
    "parse_filter",
    "read_cells",
    "result_json",
    "split_pasted",
    "telemetry_of",
    "value_table",
]
