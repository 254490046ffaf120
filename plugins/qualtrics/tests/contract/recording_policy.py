"""The fields that recordings of Qualtrics may contain: those that the source reads or sends."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, Final

from smaply_metrics_core.testing import RecordingPolicy

ANSWERS: Final = """
    brandId datacenter elements error errorCode errorMessage fileId httpStatus id isActive
    lastModified meta name nextPage percentComplete progress progressId requestId result status
    userId values
""".split()  # noqa: SIM905  # More readable than a list of strings.

DEFINITIONS: Final = r"""
    \d+ AnalyzeChoices Answers AnswerOrder BlockElements Blocks Choices ChoiceDataExportTags
    ChoiceOrder ColumnLabels DataExportTag Description Display EmbeddedData ExclusiveAnswer Field
    Flow ID LastModified Options Properties QuestionDescription QuestionID QuestionText
    QuestionType Questions RecodeValues Scoring ScoringCategories Selector Settings SubSelector
    SurveyFlow SurveyName SurveyStatus TextEntry Type Validation VariableNaming VariableType
    (?:QID|BL_|RS_)\w+
""".split()  # noqa: SIM905

SCHEMAS: Final = r"""
    _recordId const dataType description distributionChannel duration endDate exportTag
    externalDataReference finished format items label labels oneOf properties questionId
    recordedDate startDate title type userLanguage Region Segment
""".split()  # noqa: SIM905

REQUESTS: Final = """
    breakoutSets embeddedDataIds endDate format limit questionIds seenUnansweredRecode startDate
    surveyMetadataIds timeZone
""".split()  # noqa: SIM905

POLICY: Final = RecordingPolicy(
    fields=(*ANSWERS, *DEFINITIONS, *SCHEMAS, *REQUESTS),
    parameters=("offset",),
    changing=(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", r"ES_[0-9a-f]{15}"),
)


def _enveloped(result: Any) -> bytes:  # noqa: ANN401  # JSON.
    return json.dumps({"result": result, "meta": {"httpStatus": "200 - OK"}}).encode()


def _sent(content: bytes) -> bytes:
    return _enveloped(json.loads(content))


def _zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("survey.csv", content)
    return packed.getvalue()


_EXPORT: Final = r"/API/v3/surveys/[^/]+/export-responses"

BUNDLE_ANSWERS: Final[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {
    r"/API/v3/survey-definitions/[^/]+": ("definition.json", _sent),
    r"/API/v3/surveys/[^/]+/response-schema": ("response-schema.json", _sent),
    _EXPORT: ("", lambda _: _enveloped({"progressId": "ES_1"})),
    _EXPORT + "/ES_1": ("", lambda _: _enveloped({"status": "complete", "fileId": "F1"})),
    _EXPORT + "/F1/file": ("raw/responses.csv", _zipped),
}
"""Responses by path, created from the files of a debug bundle."""
