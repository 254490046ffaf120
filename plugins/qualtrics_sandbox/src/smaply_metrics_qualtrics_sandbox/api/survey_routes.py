"""The routes of surveys, responses and exports."""

from __future__ import annotations

import io
import json
import zipfile

from starlette.responses import FileResponse, Response

from smaply_metrics_qualtrics_sandbox.api.calls import Answer, Call, SandboxRoute
from smaply_metrics_qualtrics_sandbox.api.read_views import survey_element, survey_view
from smaply_metrics_qualtrics_sandbox.errors import (
    ApiError,
    invalid_request,
    no_results,
    resource_not_found,
)
from smaply_metrics_qualtrics_sandbox.exports.export_request import parse_export
from smaply_metrics_qualtrics_sandbox.exports.jobs import ExportJob, media_type
from smaply_metrics_qualtrics_sandbox.exports.json_writer import one_response
from smaply_metrics_qualtrics_sandbox.exports.response_schema import response_schema
from smaply_metrics_qualtrics_sandbox.exports.selection import take

_STUCK_PERCENT = 50.0
_TRUNCATED = 0.6


def list_surveys(call: Call) -> Answer:
    """`GET /surveys`: a page of the directly shared surveys."""
    with call.state.lock:
        found = [s for s in call.state.surveys.values() if s.shared and s.listed]
        page = call.page(found, by_offset=not call.state.account.skip_tokens, sized=False)
        if call.fault == "empty_list":
            return {"elements": [], "nextPage": None}
        return {**page, "elements": [survey_element(survey) for survey in page["elements"]]}


def get_survey(call: Call) -> Answer:
    """`GET /surveys/{id}`."""
    with call.state.lock:
        return survey_view(call.survey())


def get_response_schema(call: Call) -> Answer:
    """`GET /surveys/{id}/response-schema`."""
    with call.state.lock:
        return response_schema(call.survey())


def get_response(call: Call) -> Answer:
    """`GET /surveys/{id}/responses/{responseId}`."""
    with call.state.lock:
        survey = call.survey()
        if not survey.results:
            raise no_results()
        found = one_response(
            take(survey), parse_export({"format": "json"}, survey), call.params["response"]
        )
    if found is None:
        raise resource_not_found()
    return found


def list_filters(call: Call) -> Answer:
    """`GET /surveys/{id}/filters`: the saved filters."""
    with call.state.lock:
        return call.page([saved.element() for saved in call.survey().filters.values()])


def start_export(call: Call) -> Answer:
    """`POST /surveys/{id}/export-responses`."""
    state = call.state
    with state.lock:
        if state.account.proxied_to:
            raise ApiError(400, "Bad Request")
        survey = call.survey()
        if not survey.results:
            raise no_results()
        try:
            body = json.loads(call.content)
        except ValueError as error:
            raise invalid_request("The request body is not valid JSON.") from error
        request, now, since = parse_export(body, survey), state.now(), None
        if request.continuation_token is not None:
            since = state.exports.continuation(survey.id, request.continuation_token, now)
        job = ExportJob(survey.id, request, take(survey), state.settings, now, since)
        state.exports.add(job)
        return job.start_reply()


def get_progress(call: Call) -> Answer:
    """`GET /surveys/{id}/export-responses/{progressId}`."""
    with call.state.lock:
        survey = call.survey()
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
        survey = call.survey()
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


_SURVEY = "/surveys/{survey}"
_RESPONSES = "read:survey_responses"
_EXPORT = f"{_SURVEY}/export-responses"

ROUTES: tuple[SandboxRoute, ...] = (
    SandboxRoute("/surveys", "surveys", list_surveys, "read:surveys"),
    SandboxRoute(_SURVEY, "survey", get_survey, "read:surveys"),
    SandboxRoute(f"{_SURVEY}/response-schema", "response_schema", get_response_schema, _RESPONSES),
    SandboxRoute(f"{_SURVEY}/responses/{{response}}", "response", get_response, _RESPONSES),
    SandboxRoute(f"{_SURVEY}/filters", "filters", list_filters, _RESPONSES),
    SandboxRoute(_EXPORT, "export_start", start_export, _RESPONSES, "POST"),
    SandboxRoute(f"{_EXPORT}/{{progress}}", "export_progress", get_progress, _RESPONSES),
    SandboxRoute(f"{_EXPORT}/{{file}}/file", "export_file", get_file, _RESPONSES),
)
