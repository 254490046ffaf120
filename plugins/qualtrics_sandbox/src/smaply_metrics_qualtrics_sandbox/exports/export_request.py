"""Validate the body of `POST …/export-responses` as the API does.

Unknown fields, wrong types, unknown formats, time zones and ids, dates without an offset, and
conflicting options are rejected with 400. The options of text formats are rejected with JSON unless
they are false. Documented features that the sandbox does not support are also rejected: if they
were ignored, a test could pass for the wrong reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any, TypeVar

from smaply_metrics_qualtrics_sandbox.dates import parse_request, zone
from smaply_metrics_qualtrics_sandbox.errors import invalid_request
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import METADATA, ColumnKind
from smaply_metrics_qualtrics_sandbox.surveys.saved_filters import SavedFilter
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

FORMATS = ("csv", "tsv", "json", "ndjson", "spss", "xml")
JSON_FORMATS = ("json", "ndjson")
TEXT_ONLY = frozenset(
    {
        "breakoutSets",
        "formatDecimalAsComma",
        "includeDisplayOrder",
        "multiselectSeenUnansweredRecode",
        "newlineReplacement",
        "seenUnansweredRecode",
        "timeZone",
        "useLabels",
    }
)
NOT_DONE = frozenset({"includeWaveWeights"})
CONFLICTS = (
    ("useLabels", "includeLabelColumns"),
    ("continuationToken", "allowContinuation"),
    ("filterId", "allowContinuation"),
    ("filterId", "continuationToken"),
    ("filterId", "sortByLastModifiedDate"),
)
_FLAGS = frozenset(
    {
        "allowContinuation",
        "breakoutSets",
        "compress",
        "exportResponsesInProgress",
        "formatDecimalAsComma",
        "includeDisplayOrder",
        "includeLabelColumns",
        "includeWaveWeights",
        "sortByLastModifiedDate",
        "useLabels",
    }
)
_TEXTS = frozenset(
    {
        "continuationToken",
        "endDate",
        "filterId",
        "format",
        "newlineReplacement",
        "startDate",
        "timeZone",
    }
)
_NUMBERS = frozenset({"limit", "multiselectSeenUnansweredRecode", "seenUnansweredRecode"})
_LISTS = frozenset({"embeddedDataIds", "questionIds", "surveyMetadataIds"})
_T = TypeVar("_T")


@dataclass(frozen=True)
class ParsedExportRequest:
    """A valid export request, with the options of the API."""

    format: str
    question_ids: frozenset[str] | None
    embedded_ids: frozenset[str] | None
    metadata_ids: frozenset[str] | None
    start: datetime | None
    end: datetime | None
    limit: int | None
    breakout_sets: bool
    use_labels: bool
    seen_unanswered: str | None
    multiselect_seen_unanswered: str | None
    display_order: bool
    decimal_comma: bool
    newline: str | None
    time_zone: str | None
    compress: bool
    label_columns: bool
    in_progress: bool
    by_modification: bool
    saved_filter: SavedFilter | None
    allow_continuation: bool
    continuation_token: str | None

    @property
    def is_json(self) -> bool:
        """Whether the format is JSON or NDJSON."""
        return self.format in JSON_FORMATS


def parse_export(body: object, survey: SandboxSurvey) -> ParsedExportRequest:
    """Validate the body of an export request.

    Raises:
        ApiError: with status 400, if a field is not valid. The message names the field.
    """
    if not isinstance(body, Mapping):
        raise invalid_request("The request body is not a JSON object.")
    known = _FLAGS | _TEXTS | _NUMBERS | _LISTS
    if unknown := sorted(set(body) - known):
        raise invalid_request(f"Unknown fields are set: {', '.join(unknown)}")
    if body.get("format") in JSON_FORMATS:
        body = {k: v for k, v in body.items() if not (k in TEXT_ONLY and v is False)}
    _check_types(body)
    file_format = _check_format(body)
    for one, other in CONFLICTS:
        if body.get(one) and body.get(other):
            raise invalid_request(f"{one} and {other} cannot both be set.")
    for name in sorted(NOT_DONE & set(body)):
        if body[name]:
            raise invalid_request(f"The sandbox does not support {name}.")
    seen = body.get("seenUnansweredRecode")
    multiselect = body.get("multiselectSeenUnansweredRecode", seen)
    if "timeZone" in body:
        _read("timeZone", body["timeZone"], zone)
    return ParsedExportRequest(
        format=file_format,
        question_ids=_question_ids(body, survey),
        embedded_ids=_ids(body, "embeddedDataIds"),
        metadata_ids=_metadata_ids(body),
        start=_date(body, "startDate", survey),
        end=_date(body, "endDate", survey),
        limit=_limit(body),
        breakout_sets=body.get("breakoutSets", True),
        use_labels=body.get("useLabels", False),
        seen_unanswered=None if seen is None else str(seen),
        multiselect_seen_unanswered=None if multiselect is None else str(multiselect),
        display_order=file_format in JSON_FORMATS or body.get("includeDisplayOrder", False),
        decimal_comma=body.get("formatDecimalAsComma", False),
        newline=body.get("newlineReplacement"),
        time_zone=body.get("timeZone"),
        compress=body.get("compress", True),
        label_columns=body.get("includeLabelColumns", False),
        in_progress=body.get("exportResponsesInProgress", False),
        by_modification=_by_modification(body, survey),
        saved_filter=_saved_filter(body, survey),
        allow_continuation=body.get("allowContinuation", False) or "continuationToken" in body,
        continuation_token=body.get("continuationToken"),
    )


def _check_types(body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        if name in _FLAGS:
            fits, wanted = isinstance(value, bool), "true or false"
        elif name in _NUMBERS:
            fits, wanted = isinstance(value, int) and not isinstance(value, bool), "an integer"
        elif name in _TEXTS:
            fits, wanted = isinstance(value, str), "a string"
        else:
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
            wanted = "an array of strings"
        if not fits:
            raise invalid_request(f"Invalid value for {name}: {wanted} is expected.")


def _check_format(body: Mapping[str, Any]) -> str:
    name = body.get("format")
    if name is None:
        raise invalid_request("Missing required field: format")
    if name not in FORMATS:
        raise invalid_request(f"Invalid value for format: one of {', '.join(FORMATS)} is expected.")
    if name == "spss" and find_spec("pyreadstat") is None:
        raise invalid_request("The sandbox writes the format spss only with its extra spss.")
    if name in JSON_FORMATS and (wrong := sorted(TEXT_ONLY & set(body))):
        raise invalid_request(f"Not allowed with the format {name}: {', '.join(wrong)}")
    return str(name)


def _ids(body: Mapping[str, Any], name: str) -> frozenset[str] | None:
    return frozenset(body[name]) if name in body else None


def _question_ids(body: Mapping[str, Any], survey: SandboxSurvey) -> frozenset[str] | None:
    """Return the questions to export. An unknown id is a bad request."""
    wanted = _ids(body, "questionIds")
    if wanted is None:
        return None
    scores = {column.import_id for column in survey.columns if column.kind is ColumnKind.SCORE}
    unknown = sorted(wanted - set(survey.definition["Questions"]) - scores)
    if unknown:
        raise invalid_request(f"Invalid value for questionIds: {', '.join(unknown)}")
    return wanted


def _saved_filter(body: Mapping[str, Any], survey: SandboxSurvey) -> SavedFilter | None:
    wanted = body.get("filterId")
    if wanted is not None and wanted not in survey.filters:
        raise invalid_request(f"Invalid value for filterId: {wanted}")
    return survey.filters.get(wanted) if wanted else None


def _metadata_ids(body: Mapping[str, Any]) -> frozenset[str] | None:
    wanted = _ids(body, "surveyMetadataIds")
    if wanted is None:
        return None
    wanted = frozenset(
        "externalDataReference" if name == "externalReference" else name for name in wanted
    )
    if unknown := sorted(wanted - set(METADATA)):
        raise invalid_request(f"Invalid value for surveyMetadataIds: {', '.join(unknown)}")
    return wanted


def _limit(body: Mapping[str, Any]) -> int | None:
    limit = body.get("limit")
    if limit is not None and limit < 1:
        raise invalid_request("Invalid value for limit: a positive integer is expected.")
    return limit


def _by_modification(body: Mapping[str, Any], survey: SandboxSurvey) -> bool:
    wanted: bool = body.get("sortByLastModifiedDate", False)
    if wanted and survey.metadata("recordedDate") is None:
        raise invalid_request(
            "sortByLastModifiedDate is not supported: the file has no RecordedDate column."
        )
    return wanted


def _date(body: Mapping[str, Any], name: str, survey: SandboxSurvey) -> datetime | None:
    if name in body and survey.metadata("recordedDate") is None:
        raise invalid_request(f"{name} is not supported: the file has no RecordedDate column.")
    return _read(name, body.get(name), parse_request)


def _read(name: str, value: str | None, reader: Callable[[str], _T]) -> _T | None:
    try:
        return None if value is None else reader(value)
    except ValueError as error:
        raise invalid_request(f"Invalid value for {name}: {error}") from error
