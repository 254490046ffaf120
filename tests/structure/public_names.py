"""The names that each public module exports: the public API of the distribution."""

from __future__ import annotations

from typing import Final

EXPORTS: Final = {
    "smaply_metrics_core": """
        AccessMissing AccountSettings Address Audience Blame BundleReader BundleWriter
        CONTRACT_VERSION Calculation CalculationRefused Cancelled Change ChartType CheckNote
        CheckReport CheckStep Choice ClientCertificate Clock ColumnEdit ColumnSheet ComparedPeriod
        Counts CredentialField CredentialRefused Credentials CredentialsInvalid CsvLimits DataError
        DateRange Deadline DeadlineExceeded Definition DefinitionInvalid Destination
        DestinationRefused Display ENTRY_POINT_GROUP EmbeddedField EnteredValue ExclusionReason
        ExportFailed FieldProblem Filter FormField GroupBy GroupCounts GroupValue GroupingRefused
        InputError Interval IntervalMethod IntervalVisibility Issue KnownQuestion MetricQuery
        MetricType MetricsError NOT_SHOWN NoSurveys Password Period PeriodChange PluginError Problem
        ProgressCallback QueryInvalid Question QuestionChange QuestionKind QuestionUnavailable
        Questionnaire RateLimited Readable RemoteError RequestLimit Result ResultsUnavailable
        RoleOption ServerAddress SheetColumn SheetTable SignIn SignOut SmallGroupRefused
        SourceContext SourceDescription SourceUnavailable StepCallback StepResult Survey
        SurveyUnavailable SystemClock Tally Token Totals UncertaintyReason Unit Unreachable
        ValueCount Verdict Weight WeightReason WeightSum WeightedTotals Weights Window WindowResult
        WindowTally __version__ credential_fields csv_records graphql_operation hookimpl
        html_to_text json_rpc_method open_zip parse_credentials parse_json period_start
        suggestion_error
    """,
    "smaply_metrics_core.http": """
        AccessToken Exchange RateLimiter RemoteDetails SAFE_TO_REPEAT TokenCache basic_auth
        bearer_auth build_client client_credentials download header_auth large_response pages
        read_json remote_details
    """,
    "smaply_metrics_core.calculations": """
        AnswerExpr AnswerRequirement CALCULATIONS CalculationDefinition Combination
        CombinationRequest NOT_ANSWERED RowReader TallyBuilder TallyColumns TallyRequest
        UNREADABLE WorkedExample allowed_calculations answer_queries answer_totals calculate
        can_weight check_definition describe_answers describe_responses describe_weights
        exact_sum format_value key_number local_to_utc read_csv scale_values tally tally_all
        tally_combinations to_float weight_text
    """,
    "smaply_metrics_core.files": """
        CsvLimits DELIMITERS DateOrder Deadline ENCODINGS FIELD_PREFIX FileColumn FileColumnRole
        FileMapping FileTable MULTIPLE_SUFFIX OpenQuestion ResponseSummary read_file_table
        responses_as_csv summarise_responses visible_sheets
    """,
    "smaply_metrics_core.charts": """
        DataTable Direction Headline THEMES Theme Tone answer_count_text browser_bundle certainty
        chart_types data_table date_range_text default_chart entered_text headline hidden_text
        instant_text local_day_text low_sample_text period_headline render_png render_svg summary
        unavailable_reason ungrouped_text unreadable_text vega_lite
    """,
    "smaply_metrics_core.host": """
        AccessMissing AccountExport AccountLimits AccountSettings Accounts Actor AllowedDestinations
        AlreadyExists AmbiguousConnection AnswerCounts AsyncAccounts AsyncAuditTrail AsyncCards
        AsyncChosenSurveys AsyncConnections AsyncDebugBundles AsyncEnteredValues AsyncEvents
        AsyncHealth AsyncKeys AsyncMetrics AsyncMetricsHost AsyncSources AsyncSurveyCatalog
        AttemptOutcome Audience AuditAction AuditEntry AuditTrail Blame BundleRefused CALCULATIONS
        Calculation CalculationDefinition CalculationRefused Cancelled Card Cards CellFormats
        CellProblem Change ChartType CheckFailed CheckReport CheckStep Choice ChosenSurveys Clock
        ColumnEdit ColumnSheet ComparedPeriod ConnectionStatus ConnectionView Connections
        CredentialField CredentialRefused CredentialsInvalid CredentialsNotUsable DataError
        DateRange DeadlineExceeded Deadlines DebugBundle DebugBundles DecryptionFailed Definition
        DefinitionInvalid DeletedAccount DeletedConnection DestinationRefused Display ENTERED
        EditConflict EmbeddedField EncryptionError EncryptionKeyMissing EnteredCells EnteredInput
        EnteredRow EnteredTable EnteredUnit EnteredValues EnvironmentVariable EventCallback
        EventConsumer EventKind EventSubscription Events ExclusionReason ExportFailed FailedRotation
        FieldProblem FieldView Filter FormOption Freshness GroupBy GroupValue GroupingRefused Health
        HealthCheck HealthReport HealthStatus HistoryEntry InputError Interval IntervalMethod
        IntervalVisibility Issue KeyCheck KeyRotation KeyStatus KeyUse Keys KnownQuestion
        LimitReached LimitUse LogFormat LogLevel Metric MetricDraft MetricInput MetricListPage
        MetricOptions MetricTable MetricType Metrics MetricsError MetricsEvent MetricsHost NoSurveys
        NotFound PRESETS Period PeriodChange PluginError Problem ProgressCallback QueryInvalid
        Question QuestionChange QuestionKind QuestionUnavailable Questionnaire ROLLING RateLimited
        ReadCells RefreshAttempt RefreshDecision RefreshDecisionKind RefreshExplanation
        RefreshPolicy RefreshProgress RemoteError Result ResultsUnavailable Role RoleOption
        RoleRequired SavedTable Settings SheetColumn SheetTable SingleFlight SmallGroupRefused
        SourceForm SourceNotUsable SourceRegistry SourceSettings SourceState SourceStatus
        SourceUnavailable StepCallback StepResult StoreCheck StoreError StoreFinding
        StoreMisconfigured StoreUnavailable StoreUpgrade Survey SurveyCatalog SurveyChoice
        SurveyNotChosen SurveyOption SurveyPage SurveyUnavailable SystemClock TempDirs
        UncertaintyReason Unit Unreachable ValueCount Verdict Weight Window WindowResult Worker
        back_up_store card_json check_store correlated correlation_id count_text describe_answers
        describe_responses describe_weights diagnose enable_telemetry escape_formula format_value
        history_table log_event log_formatter logging_to_stderr n_text parse_filter read_cells
        result_json split_pasted telemetry_of value_table
    """,
    "smaply_metrics_core.testing": """
        AllowedDestinations Canary ContextFactory Disturbance ManualClock Recorded
        RecordedResponse RecordingPolicy Redaction Refusal Source SourceContract SourceRegistry
        SourceSession break_off content find_sensitive_data network_error once open_bundle record
        status truncate write_bundle
    """,
}
"""Public names, separated by white space, by public module."""
