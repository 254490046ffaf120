"""Shows the columns of a table in the form of a connection, in a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from smaply_metrics_core.host import InputError, MetricsError
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Admin
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.column_edits import (
    ColumnEditor,
    ConnectionFormData,
    ShownColumns,
    column_field,
)
from smaply_metrics_host.routes.connection_saving import SubmittedForm, refuse_columns
from smaply_metrics_host.routes.connections import submitted_form
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.web.root_path import with_root

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)


@router.post("/{page}/columns")
async def columns(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    submitted: Annotated[SubmittedForm, Depends(submitted_form)],
) -> Response:
    """Start a job that shows columns; fields that are not entered have the stored value."""
    form, values, before = submitted.form, submitted.values, submitted.columns
    closing = given.get("columns_close")
    field = column_field(form, given.get("columns") or closing)
    if field is None:
        raise InputError(
            "The form has no such field with columns.", remedy="Reload the page and try again."
        )
    chosen = str(given.get("columns_show") or "")
    editor = ColumnEditor(app_state, person, form.id, submitted.connection_id)

    async def show(job: Job) -> JobResult:
        """Write the columns that the form had, and store it with those of the chosen table."""
        try:
            if before is None:
                sheet = await editor.edit(field.name, values, chosen)
            else:
                sheet = await editor.write(before, values)
                if not closing and chosen not in {"", before.table}:
                    text = {field.name: sheet.value} if sheet.value else {}
                    sheet = await editor.edit(field.name, {**values, **text}, chosen)
        except MetricsError as error:
            title = "Columns not changed"
            return await refuse_columns(editor, submitted, job, error, title)
        now = submitted.typed | ({field.name: sheet.value} if sheet.value else {})
        job.memo = shown = ShownColumns(field, sheet, not closing, now, submitted.secrets)
        action = with_root(request, f"{submitted.page}/columns")
        html = app_state.templates.fragment("connection_columns.html", shown=shown, action=action)
        return JobResult(f"{submitted.page}?job={job.id}", html)

    title = f"Reading the columns for {field.label}"
    job = app_state.jobs.start(person, title, show, source=form.title, back=submitted.page)
    return started(request, job)
