from smaply_metrics_core.calculations.catalog import (
    CALCULATIONS,
    UNREADABLE,
    AnswerRequirement,
    CalculationDefinition,
    WorkedExample,
)
from smaply_metrics_core.calculations.combinations import (
    Combination,
    CombinationRequest,
    tally_combinations,
)
from smaply_metrics_core.calculations.csv_frame import read_csv
from smaply_metrics_core.calculations.decimal_keys import exact_sum, key_number, to_float
from smaply_metrics_core.calculations.local_times import local_to_utc
from smaply_metrics_core.calculations.number_totals import answer_totals
from smaply_metrics_core.calculations.response_text import (
    describe_answers,
    describe_responses,
    describe_weights,
)
from smaply_metrics_core.calculations.results import calculate, format_value
from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
from smaply_metrics_core.calculations.rules import (
    allowed_calculations,
    can_weight,
    check_definition,
    scale_values,
)
from smaply_metrics_core.calculations.tally_builder import TallyBuilder, tally, tally_all
from smaply_metrics_core.calculations.tally_request import TallyColumns, TallyRequest
from smaply_metrics_core.calculations.weight_column import weight_text
from smaply_metrics_core.calculations.window_counts import NOT_ANSWERED

__all__ = [
    "CALCULATIONS",
    "NOT_ANSWERED",
    "UNREADABLE",
    "AnswerExpr",
    "AnswerRequirement",
    "CalculationDefinition",
    "Combination",
    "CombinationRequest",
    "RowReader",
    "TallyBuilder",
    "TallyColumns",
    "TallyRequest",
    "WorkedExample",
    "allowed_calculations",
    "answer_queries",
    "answer_totals",
    "calculate",
    "can_weight",
    "check_definition",
    "describe_answers",
    "describe_responses",
    "describe_weights",
    "exact_sum",
    "format_value",
    "key_number",
    "local_to_utc",
    "read_csv",
    "scale_values",
    "tally",
    "tally_all",
    "tally_combinations",
    "to_float",
    "weight_text",
]
