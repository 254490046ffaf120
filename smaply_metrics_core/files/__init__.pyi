from smaply_metrics_core.context import Deadline
from smaply_metrics_core.files.file_column import FileColumn
from smaply_metrics_core.files.file_mapping import (
    DELIMITERS,
    ENCODINGS,
    DateOrder,
    FileColumnRole,
    FileMapping,
)
from smaply_metrics_core.files.file_table import (
    FileTable,
    OpenQuestion,
    read_file_table,
    responses_as_csv,
    visible_sheets,
)
from smaply_metrics_core.files.response_columns import FIELD_PREFIX, MULTIPLE_SUFFIX
from smaply_metrics_core.files.response_summary import ResponseSummary, summarise_responses
from smaply_metrics_core.input_limits.csv_records import CsvLimits

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "FIELD_PREFIX",
    "MULTIPLE_SUFFIX",
    "CsvLimits",
    "DateOrder",
    "Deadline",
    "FileColumn",
    "FileColumnRole",
    "FileMapping",
    "FileTable",
    "OpenQuestion",
    "ResponseSummary",
    "read_file_table",
    "responses_as_csv",
    "summarise_responses",
    "visible_sheets",
]
