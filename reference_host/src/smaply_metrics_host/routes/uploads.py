"""Manual metrics: an uploaded CSV file becomes a survey, and then a metric like any other."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import DataError, ExportFailed, InputError, MetricsError, NotFound
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.metric_form.drafts import PutAside
from smaply_metrics_host.metric_form.form_context import CSV, MANUAL
from smaply_metrics_host.metric_form.form_data import MetricForm, read
from smaply_metrics_host.metric_form.validation import FormInvalid
from smaply_metrics_host.routes.metric_form import (
    AtDesk,
    FormMessage,
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
    """Show the form with a file to upload in place of a survey to choose."""
    if not await can_upload(desk.app_state):
        raise NotFound(
            "This host has no source that reads CSV files.",
            remedy="Ask whoever runs it to install smaply-metrics-csv-example.",
        )
    return await render(desk, MetricForm(source=MANUAL))


@router.post("")
async def take(desk: AtDesk, sent: CheckedForm) -> Response:
    """Keep the file, and go on with the form of a metric that measures it."""
    app_state, person, form = desk.app_state, desk.person, read(sent)
    file = sent.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise InputError("There is no file yet.", remedy="Choose a CSV file first.")
        survey = await upload(
            app_state,
            person.actor,
            file,
            form.survey_name,
            replace="replace" in sent,
        )
    except MetricsError as error:
        return await render(desk, form, asked_by(sent), _in_place(error))
    form = replace(form, source=CSV, survey=survey, survey_name="")
    if fragment_of(desk.request):
        return await render(desk, form)
    # So that reloading the page uploads nothing twice.
    draft = app_state.drafts.put(person, PutAside(form))
    return RedirectResponse(f"/metrics/drafts/{draft}", 303)


@router.get("/example.csv")
async def example(_person: Editor) -> Response:
    """Download a file as it has to look."""
    headers = {"content-disposition": 'attachment; filename="example.csv"'}
    return Response(EXAMPLE, media_type="text/csv; charset=utf-8", headers=headers)


def _in_place(error: MetricsError) -> FormMessage:
    """Say what is wrong with a file beside it, and anything else above the form."""
    if not isinstance(error, InputError | DataError | ExportFailed):
        return not_fitting(error, TITLE)
    wrong = FormInvalid({"file": f"{error.message} {error.remedy}"})
    # A file that cannot be read is wrong input, though it is a source that says so.
    status = min(status_of(error), status_of(wrong))
    return replace(not_fitting(wrong, TITLE), status=status)
