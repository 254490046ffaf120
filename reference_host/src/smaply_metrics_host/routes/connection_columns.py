"""Shows the columns of a table in the form of a connection, in a job."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from smaply_metrics_core.host import InputError, MetricsError, SourceForm
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.column_edits import (
    ColumnEditor,
    ConnectionFormData,
    ShownColumns,
    column_field,
    submitted_columns,
)
from smaply_metrics_host.routes.connection_saving import (
    address,
    entered,
    refuse_columns,
    shown_again,
)
from smaply_metrics_host.routes.connections import required
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web.root_path import with_root

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)


@router.post("/new/columns")
async def columns_for_new(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Start a job that shows columns in the form of a new connection."""
    form = await app_state.metrics.connections.form(source)
    return _start(request, app_state, person, form, given, f"{address(source)}/new")


@router.post("/edit/columns")
async def columns_for_stored(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Start a job that shows columns; fields that are not entered have the stored value."""
    view = await required(app_state, person, source)
    form = await app_state.metrics.connections.form(view.source)
    return _start(request, app_state, person, form, given, f"{address(view.id)}/edit", view.id)


def _start(  # noqa: PLR0913, PLR0917  # The differences between the two forms.
    request: Request,
    app_state: AppState,
    person: Person,
    form: SourceForm,
    given: FormData,
    page: str,
    connection_id: str = "",
) -> Response:
    closing = given.get("columns_close")
    field = column_field(form, given.get("columns") or closing)
    if field is None:
        raise InputError(
            "The form has no such field with columns.", remedy="Reload the page and try again."
        )
    values = entered(form, given)
    typed = shown_again(values, given)
    before = submitted_columns(form, given)
    chosen = str(given.get("columns_show") or "")
    editor = ColumnEditor(app_state, person, form.id, connection_id)

    async def show(job: Job) -> JobResult:
        """Write the columns that the form had, and store it with those of the chosen table."""
        try:
            sheet = await editor.write(before, values) if before else None
            text = values | ({field.name: sheet.value} if sheet and sheet.value else {})
            if sheet is None or (
                not closing and chosen not in {"", before.table if before else ""}
            ):
                sheet = await editor.show(field.name, text, chosen)
        except MetricsError as error:
            return await refuse_columns(
                editor, form, job, page, error, before, values, typed, "Columns not changed"
            )
        secrets = tuple(one.label for one in form.fields if one.secret and one.name in values)
        now = typed | ({field.name: sheet.value} if sheet.value else {})
        job.memo = shown = ShownColumns(field, sheet, not closing, now, secrets)
        action = with_root(request, f"{page}/columns")
        html = app_state.templates.fragment("connection_columns.html", shown=shown, action=action)
        return JobResult(f"{page}?job={job.id}", html)

    title = f"Reading the columns for {field.label}"
    job = app_state.jobs.start(person, title, show, source=form.title, back=page)
    return started(request, job)
