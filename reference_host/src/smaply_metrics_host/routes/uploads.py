"""Uploaded CSV files and workbooks: a preview, then a survey for metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.files import FileMapping
from smaply_metrics_core.host import (
    DataError,
    ExportFailed,
    InputError,
    MetricsError,
    NotFound,
    Problem,
)
from smaply_metrics_host.dependencies import CheckedForm, Editor, FormLimits, checked_form
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.metric_form.drafts import PutAside
from smaply_metrics_host.metric_form.form_context import CSV, MANUAL
from smaply_metrics_host.metric_form.form_data import MetricForm, read
from smaply_metrics_host.metric_form.validation import FormInvalid
from smaply_metrics_host.rendering.templating import title_of
from smaply_metrics_host.routes.metric_form import (
    AtDesk,
    FormPage,
    asked_by,
    not_fitting,
    render,
)
from smaply_metrics_host.uploads.staged_uploads import StagedUpload, new_upload_id
from smaply_metrics_host.uploads.upload_form import MOST_FIELDS, with_choices
from smaply_metrics_host.uploads.upload_preview import ROLES, preview_of
from smaply_metrics_host.uploads.upload_reading import FileRequest, read_upload
from smaply_metrics_host.uploads.upload_storage import (
    EXAMPLE,
    LONGEST,
    StoredSurvey,
    checked_name,
    mapping_file,
)
from smaply_metrics_host.web.fragments import fragment_of, moved
from smaply_metrics_host.web.reader_problem import problem_for

router = APIRouter(prefix="/metrics/upload", include_in_schema=False)

TITLE: Final = "Not uploaded"
MOST_MEGABYTES: Final = 15
MOST_BYTES: Final = MOST_MEGABYTES * 1024 * 1024
ABOUT_FILE: Final = (InputError, DataError, ExportFailed)
"""The errors that the person who uploads a file can correct."""
UploadForm = Annotated[FormData, Depends(checked_form(FormLimits(fields=MOST_FIELDS)))]


@dataclass(frozen=True)
class UploadMessage:
    """The message above a preview.

    Attributes:
        error: Why the last action failed.
        notice: What to check before the file is stored.
        status: The status of the response.
    """

    error: MetricsError | None = None
    notice: str = ""
    status: int = 200


NOTHING_SAID: Final = UploadMessage()


@router.get("")
async def explain(desk: AtDesk) -> Response:
    """Show the form with a file upload instead of the list of surveys."""
    await _require_source(desk)
    return await render(desk, MetricForm(source=MANUAL))


@router.post("")
async def take(desk: AtDesk, sent: CheckedForm) -> Response:
    """Stage the file, and continue with its preview."""
    await _require_source(desk)
    form = read(sent)
    try:
        file, name = _file_of(sent)
    except FormInvalid as error:
        message = await not_fitting(desk, form, error, TITLE)
        return await render(desk, form, asked_by(sent), message)
    upload = StagedUpload(new_upload_id(), name, form, Path(name).stem[:LONGEST])
    async with desk.app_state.uploading:
        await desk.app_state.staged_uploads.put(desk.person, upload, await file.read())
    return moved(desk.request, _address(upload))


@router.get("/example.csv")
async def example(_person: Editor) -> Response:
    """Download an example file."""
    headers = {"content-disposition": 'attachment; filename="example.csv"'}
    return Response(EXAMPLE, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/{upload_id}")
async def preview(desk: AtDesk, upload_id: str) -> Response:
    """Show how a staged file is read."""
    return await _shown(desk, desk.app_state.staged_uploads.find(desk.person, upload_id))


@router.post("/{upload_id}")
async def choose(desk: AtDesk, sent: UploadForm, upload_id: str) -> Response:
    """Show the preview with other choices, or store the file as the preview showed it."""
    staged, storage = desk.app_state.staged_uploads, desk.app_state.upload_storage
    before = staged.find(desk.person, upload_id)
    try:
        upload = with_choices(before, sent)
    except InputError as error:
        return await _shown(desk, before, UploadMessage(error, status=422))
    staged.change(upload)
    if "connect" not in sent and "replace" not in sent:
        return await _shown(desk, upload)
    if upload.stated != before.stated:
        notice = "You changed how the file is read. Check the preview, then connect the file."
        return await _shown(desk, upload, UploadMessage(notice=notice, status=422))
    try:
        survey = checked_name(upload.survey)
    except InputError:
        return await _shown(desk, upload, UploadMessage(status=422))  # Stated at the field.
    stored = await storage.find(desk.person.actor, survey)
    try:
        async with desk.app_state.uploading:
            uploaded = await storage.store(
                desk.person.actor,
                survey,
                await _request(desk, upload, stored),
                replace=sent.get("replace") == survey,
            )
    except MetricsError as error:
        # An unreadable file is invalid input, although the source reports it.
        status = min(status_of(error), 422) if isinstance(error, ABOUT_FILE) else status_of(error)
        return await _shown(desk, upload, UploadMessage(error, status=status))
    staged.discard(upload)
    form = replace(upload.form, source=uploaded.connection, survey=uploaded.survey)
    draft = desk.app_state.drafts.put(desk.person, PutAside(form))
    return moved(desk.request, f"/metrics/drafts/{draft}")


@router.post("/{upload_id}/discard")
async def discard(desk: AtDesk, _sent: CheckedForm, upload_id: str) -> Response:
    """Delete a staged file, and return to the form to choose another one."""
    upload = desk.app_state.staged_uploads.find(desk.person, upload_id)
    desk.app_state.staged_uploads.discard(upload)
    draft = desk.app_state.drafts.put(desk.person, PutAside(upload.form))
    return RedirectResponse(f"/metrics/drafts/{draft}", 303)


@router.get("/{upload_id}/mapping.json")
async def mapping(desk: AtDesk, upload_id: str) -> Response:
    """Download how the last preview was read, as the mapping file for the command line."""
    upload = desk.app_state.staged_uploads.find(desk.person, upload_id)
    name = quote(f"{Path(upload.file_name).stem}.mapping.json", safe="")
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(mapping_file(upload.shown), media_type="application/json", headers=headers)


async def _shown(
    desk: FormPage, upload: StagedUpload, message: UploadMessage = NOTHING_SAID
) -> Response:
    """Read a staged file, and show how it is read.

    A request that was aborted while it waited is not answered: the script of the page aborts the
    previous preview at each choice, and reading a large file takes up to a minute.
    """
    app_state = desk.app_state
    survey, name_problem = upload.survey, ""
    stored: StoredSurvey | None = None
    try:
        survey = checked_name(upload.survey)
        stored = await app_state.upload_storage.find(desk.person.actor, survey)
    except InputError as wrong:
        name_problem = f"{wrong.message} {wrong.remedy}"
    async with app_state.uploading:
        if await desk.request.is_disconnected():
            return Response(status_code=204)
        request = await _request(desk, upload, stored)
        reading = await run_in_threadpool(read_upload, request, app_state.clock)
        found = await run_in_threadpool(preview_of, upload, reading, stored)
    if reading.table is not None:
        app_state.staged_uploads.show(upload, reading.table.mapping)
    error = message.error or reading.error
    return app_state.templates.page(
        desk.request,
        "upload_form.html" if fragment_of(desk.request) else "upload.html",
        status=message.status,
        upload=upload,
        preview=found,
        stored=stored,
        survey=survey,
        name_problem=name_problem,
        problem=_problem(desk, error) if error else None,
        notice=message.notice,
        ready=reading.responses is not None and not name_problem,
        address=_address(upload),
        roles=ROLES,
        longest=LONGEST,
    )


async def _require_source(desk: FormPage) -> None:
    if not await desk.app_state.upload_storage.is_available():
        raise NotFound(
            "CSV files cannot be uploaded to this installation.",
            remedy="Ask the operator to install `smaply-metrics-csv-example`.",
        )


def _problem(desk: FormPage, error: MetricsError) -> Problem:
    problem = problem_for(desk.person.role, error.to_problem(), title_of(CSV))
    if not isinstance(error, ABOUT_FILE):
        return problem
    # The person who uploads the file may see what is in it, so that they find and correct the cell.
    found = f" Found: {error.excerpt}." if error.excerpt else ""
    return problem.model_copy(update={"message": f"{error.message}{found}", "remedy": error.remedy})


def _file_of(sent: FormData) -> tuple[UploadFile, str]:
    """Return the uploaded file of a form, and its name.

    Raises:
        FormInvalid: if there is none, or it is too large.
    """
    file = sent.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise FormInvalid({"file": "No file selected. Choose a CSV file or an Excel workbook."})
    if (file.size or 0) > MOST_BYTES:
        raise FormInvalid(
            {
                "file": f"The file is larger than {MOST_MEGABYTES} MB. Split it by time into "
                "several files, or remove columns."
            }
        )
    name = "".join(letter for letter in Path(file.filename).name if letter.isprintable())
    return file, name


async def _request(
    desk: FormPage, upload: StagedUpload, stored: StoredSurvey | None
) -> FileRequest:
    data = await desk.app_state.staged_uploads.read(upload)
    return FileRequest(data, upload.stated, stored.mapping if stored else FileMapping())


def _address(upload: StagedUpload) -> str:
    return f"/metrics/upload/{upload.id}"
