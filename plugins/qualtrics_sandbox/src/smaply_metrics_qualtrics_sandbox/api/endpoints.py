"""The handlers of the API routes, called after authorization."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.responses import FileResponse, Response

from smaply_metrics_qualtrics_sandbox.api.read_views import (
    next_page,
    survey_element,
    survey_view,
    whoami,
)
from smaply_metrics_qualtrics_sandbox.errors import (
    ApiError,
    forbidden_definition,
    invalid_request,
    resource_not_found,
    survey_not_found,
)
from smaply_metrics_qualtrics_sandbox.exports.export_request import parse_export
from smaply_metrics_qualtrics_sandbox.exports.jobs import ExportJob, media_type
from smaply_metrics_qualtrics_sandbox.exports.response_schema import response_schema
from smaply_metrics_qualtrics_sandbox.exports.selection import take
from smaply_metrics_qualtrics_sandbox.sandbox_state import SandboxState
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

Answer: TypeAlias = Mapping[str, Any] | Response
_STUCK_PERCENT = 50.0
_TRUNCATED = 0.6


@dataclass(frozen=True)
class Call:
    """An authorized call of the API.

    Attributes:
        state: The state of the sandbox.
        params: The path parameters.
        query: The query parameters.
        base: The scheme and host of the request.
        content: The body.
        fault: The kind of fault to simulate, if any.
    """

    state: SandboxState
    params: Mapping[str, str]
    query: Mapping[str, str]
    base: str
    content: bytes
    fault: str | None

    def shared_survey(self, missing: Callable[[], ApiError]) -> SandboxSurvey:
        """Return the survey in the path.

        Raises:
            ApiError: the result of `missing`, if the token's user cannot access the survey.
        """
        survey = self.state.surveys.get(self.params["survey"])
        if survey is None or not survey.shared:
            raise missing()
        return survey


def get_whoami(call: Call) -> Answer:
    """`GET /whoami`."""
    return whoami(call.state.account.proxied_to)


def list_surveys(call: Call) -> Answer:
    """`GET /surveys`: a page of the directly shared surveys; `offset` is a number of surveys."""
    text = call.query.get("offset", "0")
    if not text.isdecimal():
        raise invalid_request("Invalid value for offset: a number of surveys is expected.")
    if call.fault == "empty_list":
        return {"elements": [], "nextPage": None}
    offset, state = int(text), call.state
    with state.lock:
        found = [survey for survey in state.surveys.values() if survey.shared and survey.listed]
        page = [survey_element(survey) for survey in found[offset : offset + state.page_size]]
        end = offset + state.page_size
        more = next_page(call.base, end, state.account.proxied_to) if end < len(found) else None
    return {"elements": page, "nextPage": more}


def get_survey(call: Call) -> Answer:
    """`GET /surveys/{id}`."""
    with call.state.lock:
        return survey_view(call.shared_survey(survey_not_found))


def get_response_schema(call: Call) -> Answer:
    """`GET /surveys/{id}/response-schema`."""
    with call.state.lock:
        return response_schema(call.shared_survey(survey_not_found))


def get_definition(call: Call) -> Answer:
    """`GET /survey-definitions/{id}`."""
    with call.state.lock:
        return _copy(call.shared_survey(forbidden_definition).definition)


def list_questions(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/questions`: all questions on one page."""
    with call.state.lock:
        questions = call.shared_survey(forbidden_definition).definition["Questions"]
        elements = [] if call.fault == "empty_list" else list(_copy(questions).values())
    return {"elements": elements, "nextPage": None}


def get_question(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/questions/{qid}`."""
    with call.state.lock:
        questions = call.shared_survey(forbidden_definition).definition["Questions"]
        if call.params["question"] not in questions:
            raise resource_not_found()
        return _copy(questions[call.params["question"]])


def start_export(call: Call) -> Answer:
    """`POST /surveys/{id}/export-responses`."""
    state = call.state
    with state.lock:
        if state.account.proxied_to:
            raise ApiError(400, "Bad Request")
        survey = call.shared_survey(survey_not_found)
        if not survey.results:
            raise ApiError(403, "You do not have permission to view the results of this survey.")
        try:
            body = json.loads(call.content)
        except ValueError as error:
            raise invalid_request("The request body is not valid JSON.") from error
        request = parse_export(body, survey)
        job = ExportJob(survey.id, request, take(survey), state.settings, state.now())
        state.exports.add(job)
    return {"progressId": job.progress_id, "percentComplete": 0.0, "status": "inProgress"}


def get_progress(call: Call) -> Answer:
    """`GET /surveys/{id}/export-responses/{progressId}`."""
    with call.state.lock:
        survey = call.shared_survey(survey_not_found)
        job = call.state.exports.by_progress(survey.id, call.params["progress"])
        if call.fault == "expired":
            raise resource_not_found()
        if call.fault == "failed":
            return {"fileId": None, "percentComplete": 100.0, "status": "failed"}
        if call.fault == "stuck":
            return {"percentComplete": _STUCK_PERCENT, "status": "inProgress"}
        return job.progress(call.state.now())


def get_file(call: Call) -> Answer:
    """`GET /surveys/{id}/export-responses/{fileId}/file`."""
    with call.state.lock:
        survey = call.shared_survey(survey_not_found)
        job = call.state.exports.by_file(survey.id, call.params["file"])
        if call.fault == "expired" or not job.is_complete(call.state.now()):
            raise resource_not_found()
    kind = media_type(job.request)
    if call.fault == "empty_zip":
        empty = io.BytesIO()
        zipfile.ZipFile(empty, "w").close()
        return Response(empty.getvalue(), media_type=kind)
    path = call.state.exports.file(job)
    if call.fault == "truncated_zip":
        content = path.read_bytes()
        return Response(content[: int(len(content) * _TRUNCATED)], media_type=kind)
    return FileResponse(path, media_type=kind)


def _copy(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy of JSON, which is serialized after the lock is released."""
    copied: dict[str, Any] = json.loads(json.dumps(value))
    return copied


_SURVEY = "/surveys/{survey}"
_DEFINITION = "/survey-definitions/{survey}"
_EXPORT = f"{_SURVEY}/export-responses"

ROUTES: tuple[tuple[str, str, str, Callable[[Call], Answer]], ...] = (
    ("GET", "/whoami", "whoami", get_whoami),
    ("GET", "/surveys", "surveys", list_surveys),
    ("GET", _SURVEY, "survey", get_survey),
    ("GET", f"{_SURVEY}/response-schema", "response_schema", get_response_schema),
    ("GET", _DEFINITION, "definition", get_definition),
    ("GET", f"{_DEFINITION}/questions", "questions", list_questions),
    ("GET", f"{_DEFINITION}/questions/{{question}}", "questions", get_question),
    ("POST", _EXPORT, "export_start", start_export),
    ("GET", f"{_EXPORT}/{{progress}}", "export_progress", get_progress),
    ("GET", f"{_EXPORT}/{{file}}/file", "export_file", get_file),
)
