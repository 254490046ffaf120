"""Uploaded CSV files and workbooks, which become surveys for metrics."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.files import FileColumnRole, FileMapping
from smaply_metrics_core.host import DataError, ExportFailed, InputError, MetricsError, NotFound
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.metric_form.drafts import PutAside
from smaply_metrics_host.metric_form.form_context import MANUAL
from smaply_metrics_host.metric_form.form_data import MetricForm, read
from smaply_metrics_host.metric_form.validation import FormInvalid
from smaply_metrics_host.routes.metric_form import (
    AtDesk,
    FormMessage,
    FormPage,
    asked_by,
    not_fitting,
    render,
)
from smaply_metrics_host.uploads import EXAMPLE, can_upload, upload
from smaply_metrics_host.web.fragments import fragment_of

router = APIRouter(prefix="/metrics/upload", include_in_schema=False)

TITLE = "Not uploaded"


@router.get("")
async def explain(desk: AtDesk) -> Response:
    """Show the form with a file upload instead of the list of surveys."""
    if not await can_upload(desk.app_state):
        raise NotFound(
            "CSV files cannot be uploaded to this installation.",
            remedy="Ask the operator to install `smaply-metrics-csv-example`.",
        )
    return await render(desk, MetricForm(source=MANUAL))


@router.post("")
async def take(desk: AtDesk, sent: CheckedForm) -> Response:
    """Store the file, and continue with the form of a metric for it."""
    app_state, person, form = desk.app_state, desk.person, read(sent)
    file = sent.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise InputError("No file selected.", remedy="Choose a CSV file or an Excel workbook.")
        uploaded = await upload(
            app_state,
            person.actor,
            file,
            form.survey_name,
            mapping=_stated(form),
            replace="replace" in sent,
        )
    except MetricsError as error:
        return await render(desk, form, asked_by(sent), await _in_place(desk, form, error))
    form = replace(form, source=uploaded.connection, survey=uploaded.survey, survey_name="")
    if fragment_of(desk.request):
        return await render(desk, form)
    # Redirect, so that reloading the page does not upload the file again.
    draft = app_state.drafts.put(person, PutAside(form))
    return RedirectResponse(f"/metrics/drafts/{draft}", 303)


@router.get("/example.csv")
async def example(_person: Editor) -> Response:
    """Download an example file."""
    headers = {"content-disposition": 'attachment; filename="example.csv"'}
    return Response(EXAMPLE, media_type="text/csv; charset=utf-8", headers=headers)


def _stated(form: MetricForm) -> FileMapping:
    """Return what the form states about the file; blank fields are recognised.

    Raises:
        InputError: if a value is not one that the form offers.
    """
    stated = {
        "encoding": form.file_encoding,
        "decimal": form.file_decimal,
        "dates": form.file_dates,
        "sheet": form.file_sheet,
        "columns": {form.file_date_column: FileColumnRole.DATE} if form.file_date_column else None,
    }
    try:
        return FileMapping.model_validate({name: part for name, part in stated.items() if part})
    except ValidationError:
        raise InputError(
            "A choice under “How the file is read” is not valid.", remedy="Choose from the lists."
        ) from None


async def _in_place(desk: FormPage, form: MetricForm, error: MetricsError) -> FormMessage:
    """Return the messages of an error: at the file if it concerns the file, or above the form."""
    if not isinstance(error, InputError | DataError | ExportFailed):
        return await not_fitting(desk, form, error, TITLE)
    # The person who uploads the file may see what is in it, so that they find the cell.
    found = f"Found: {error.excerpt}. " if error.excerpt else ""
    wrong = FormInvalid({"file": f"{error.message} {found}{error.remedy}"})
    # An unreadable file is invalid input, although the source reports it.
    status = min(status_of(error), status_of(wrong))
    return replace(await not_fitting(desk, form, wrong, TITLE), status=status)
