"""The pages on which Editors enter values: the tables, and the form of one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.charts import local_day_text
from smaply_metrics_core.host import (
    EditConflict,
    EnteredUnit,
    MetricsError,
    NotFound,
    Problem,
    SavedTable,
)
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor, FormLimits, checked_form
from smaply_metrics_host.entered_values.table_form import (
    MOST_ROWS,
    UNITS,
    ReadForm,
    TableForm,
    differences,
    read_form,
)
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.metric_form.drafts import PutAside
from smaply_metrics_host.metric_form.form_data import MetricForm
from smaply_metrics_host.metric_form.metric_text import FieldDifference
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.uploads.upload_preview import DATES, DECIMALS
from smaply_metrics_host.web.forms import whole
from smaply_metrics_host.web.reader_problem import problem_for

router = APIRouter(prefix="/metrics/entered", include_in_schema=False)

QUESTION: Final = "value"
"""The question of a table."""
TITLE: Final = "Entered values"
NOTHING_READ: Final = ReadForm((), {})
ValuesForm = Annotated[FormData, Depends(checked_form(FormLimits(fields=4 * MOST_ROWS + 20)))]


@router.get("")
async def listed(
    request: Request, app_state: CurrentAppState, person: Editor, deleted: str = ""
) -> Response:
    """List the tables of the account."""
    tables = await app_state.metrics.entered_values.list(person.actor)
    return app_state.templates.page(
        request, "values.html", tables=tables, units=UNITS, deleted=deleted[:100]
    )


@router.get("/new")
async def new(request: Request, app_state: CurrentAppState, person: Editor) -> Response:
    """Show the form of a new table."""
    return await _page(request, app_state, person, None, TableForm())


@router.post("")
async def create(
    request: Request, app_state: CurrentAppState, person: Editor, sent: ValuesForm
) -> Response:
    """Store a new table."""
    return await _save(request, app_state, person, None, sent)


@router.get("/{table_id}")
async def show(
    request: Request,
    app_state: CurrentAppState,
    person: Editor,
    table_id: str,
    saved: str = "",
) -> Response:
    """Show the form of a table."""
    stored = await app_state.metrics.entered_values.show(person.actor, table_id)
    form = TableForm.of(stored.table)
    return await _page(request, app_state, person, stored, form, saved=bool(saved))


@router.post("/{table_id}")
async def change(
    request: Request, app_state: CurrentAppState, person: Editor, sent: ValuesForm, table_id: str
) -> Response:
    """Store all values of a table, or change the rows of its form."""
    try:
        stored = await app_state.metrics.entered_values.show(person.actor, table_id)
        return await _save(request, app_state, person, stored, sent)
    except NotFound:
        return await _deleted(request, app_state, person, TableForm.read(sent))


@router.post("/{table_id}/delete")
async def delete(
    app_state: CurrentAppState, person: Editor, _sent: CheckedForm, table_id: str
) -> Response:
    """Delete a table that no metric uses."""
    await app_state.metrics.entered_values.delete(person.actor, table_id)
    return RedirectResponse("/metrics/entered?deleted=1", 303)


@router.post("/{table_id}/metric")
async def create_metric(
    app_state: CurrentAppState, person: Editor, _sent: CheckedForm, table_id: str
) -> Response:
    """Open the metric form with a table."""
    stored = await app_state.metrics.entered_values.show(person.actor, table_id)
    form = MetricForm(
        name=stored.table.name,
        source=stored.connection_id,
        survey=table_id,
        question=QUESTION,
        calculation=stored.table.unit.calculation,
    )
    draft = app_state.drafts.put(person, PutAside(form))
    return RedirectResponse(f"/metrics/drafts/{draft}", 303)


async def _save(
    request: Request,
    app_state: AppState,
    person: Person,
    stored: SavedTable | None,
    sent: FormData,
) -> Response:
    page = partial(_page, request, app_state, person)
    form = TableForm.read(sent)
    if stored is not None:
        form = replace(form, unit=stored.table.unit)
    removed = sent.get("remove")
    number = whole(removed) if isinstance(removed, str) else None
    if number or "more" in sent:
        form = form.without_row(number) if number else form.with_more_rows()
        return await page(stored, form)
    entered = app_state.metrics.entered_values
    rows = () if stored is None else stored.table.rows
    found = read_form(form, rows, await entered.today(person.actor))
    if found.problems:
        return await page(stored, form, found, status=422)
    try:
        if stored is None:
            saved = await entered.add(person.actor, form.name, EnteredUnit(form.unit), found.values)
        else:
            saved = await entered.edit(
                person.actor, stored.table.id, form.name, found.values, version=form.version
            )
    except NotFound:  # The table was deleted meanwhile.
        raise
    except MetricsError as error:  # What was typed is shown again.
        if stored is not None and isinstance(error, EditConflict):  # Next to the saved values.
            now = await entered.show(person.actor, stored.table.id)
            theirs = differences(now.table.rows, found.values)
            form = replace(form, version=now.table.version)
            return await page(now, form, found, status=409, theirs=theirs)
        problem = problem_for(person.role, error.to_problem(), TITLE)
        return await page(stored, form, found, status=status_of(error), problem=problem)
    if saved.metrics:
        await app_state.metrics.cards.load(person.actor, saved.metrics)  # Refreshes them.
    return RedirectResponse(f"/metrics/entered/{saved.table.id}?saved=true", 303)


async def _deleted(
    request: Request, app_state: AppState, person: Person, form: TableForm
) -> Response:
    """Show what was typed for a table that was deleted, as the form of a new one."""
    error = NotFound(
        "This table was deleted, so your values were not saved.",
        remedy="Save again to store them as a new table.",
    )
    problem = problem_for(person.role, error.to_problem(), TITLE)
    form = replace(form, version=0)
    return await _page(
        request, app_state, person, None, form, status=status_of(error), problem=problem
    )


async def _page(  # noqa: PLR0913, PLR0917  # The form, and what happened.
    request: Request,
    app_state: AppState,
    person: Person,
    stored: SavedTable | None,
    form: TableForm,
    found: ReadForm = NOTHING_READ,
    *,
    saved: bool = False,
    status: int = 200,
    theirs: tuple[FieldDifference, ...] | None = None,
    problem: Problem | None = None,
) -> Response:
    zone = (await app_state.metrics.accounts.show(person.actor)).zone
    table = None if stored is None else stored.table
    entered = {
        (row.day.isoformat(), row.label): (
            f"{row.entered_by}, {local_day_text(row.entered_at, zone)}"
        )
        for row in (table.rows if table else ())
    }
    return app_state.templates.page(
        request,
        "values_table.html",
        status=status,
        stored=stored,
        table=table,
        form=form,
        problems=found.problems,
        problem=problem,
        saved=saved,
        theirs=theirs,
        units=UNITS,
        dates=DATES,
        decimals=DECIMALS,
        entered=entered,
    )
