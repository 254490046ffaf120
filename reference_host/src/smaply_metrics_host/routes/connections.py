"""A connection: set up, show, check, edit, rename, delete.

Addresses have the id of a connection, or that of a source with at most one connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import (
    AmbiguousConnection,
    ConnectionView,
    InputError,
    MetricsError,
    NotFound,
    SourceForm,
)
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin, CheckedForm
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.rendering.templating import title_of
from smaply_metrics_host.routes.column_edits import ConnectionFormData, ShownColumns, Values
from smaply_metrics_host.routes.connection_saving import (
    Proposed,
    Refused,
    SubmittedForm,
    address,
    left_by,
    name_in,
    start_saving,
)
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)

JobId = Annotated[str, Query(alias="job")]


@router.get("")
async def show(
    request: Request, app_state: CurrentAppState, person: Admin, source: str, job_id: JobId = ""
) -> Response:
    """Show a connection, or the form to set it up."""
    outcome = left_by(app_state, person, job_id)
    refused = outcome if isinstance(outcome, Refused) else None
    try:
        view = await find(app_state, person, source)
    except AmbiguousConnection:
        return RedirectResponse("/settings/integrations", 303)
    if view is None:
        return await _new_form(request, app_state, person, source, outcome)
    return app_state.templates.page(
        request,
        "connection.html",
        view=view,
        usable=await _usable(app_state, view.source),
        metrics=await metrics_of(app_state, person, view),
        unseen=outcome.unseen if isinstance(outcome, ConnectionView) else (),
        refused=refused,
    )


@router.post("")
async def connect(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Start a job that checks the credentials and stores them encrypted."""
    return await _connect(request, app_state, person, given, source, address(source))


@router.get("/new")
async def another_form(
    request: Request, app_state: CurrentAppState, person: Admin, source: str, job_id: JobId = ""
) -> Response:
    """Show the form for another connection to a source."""
    outcome = left_by(app_state, person, job_id)
    return await _new_form(request, app_state, person, source, outcome)


@router.post("/new")
async def connect_another(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Connect a source once more, with a name."""
    return await _connect(request, app_state, person, given, source, f"{address(source)}/new")


@router.post("/rename")
async def rename(
    request: Request, app_state: CurrentAppState, person: Admin, given: CheckedForm, source: str
) -> Response:
    """Rename a connection."""
    view = await required(app_state, person, source)
    try:
        view = await app_state.metrics.connections.rename(person.actor, view.id, name_in(given))
    except InputError as error:
        return app_state.templates.page(
            request,
            "connection.html",
            status=status_of(error),
            view=view,
            usable=await _usable(app_state, view.source),
            metrics=await metrics_of(app_state, person, view),
            unseen=(),
            refused=Refused(error.to_problem(), (), {}, "Not saved"),
        )
    return RedirectResponse(address(view.id), 303)


@router.get("/edit")
async def edit_form(  # noqa: PLR0913, PLR0917  # Request parameters.
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    source: str,
    job_id: JobId = "",
    suggested: Annotated[bool, Query()] = False,  # noqa: FBT002  # A query parameter.
) -> Response:
    """Show the stored configuration; ``suggested`` fills in the values that a problem suggests."""
    view = await required(app_state, person, source)
    form = await app_state.metrics.connections.form(view.source)
    outcome = left_by(app_state, person, job_id)
    typed = {field.name: field.value for field in view.fields if not field.secret}
    if suggested and view.problem is not None:
        typed |= {one.name: one.suggestion for one in view.problem.fields if one.suggestion}
    if isinstance(outcome, Refused | Proposed | ShownColumns):
        typed |= outcome.typed
    return _form_page(request, app_state, form, view=view, typed=typed, outcome=outcome)


@router.post("/edit")
async def edit(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Start a job that checks the new credentials and then replaces the old ones."""
    submitted = await submitted_form(app_state, person, given, source, "edit")

    async def save(values: Values, job: Job) -> ConnectionView:
        return await app_state.metrics.connections.edit(
            person.actor, submitted.connection_id, values, on_step=job.step
        )

    return start_saving(request, app_state, person, submitted, save)


@router.post("/check")
async def check(
    request: Request, app_state: CurrentAppState, person: Admin, _form: CheckedForm, source: str
) -> Response:
    """Start a job that checks a connection and stores the report."""
    view = await required(app_state, person, source)
    form = await app_state.metrics.connections.form(view.source)

    async def work(job: Job) -> JobResult:
        try:
            await app_state.metrics.connections.check(person.actor, view.id, on_step=job.step)
        except MetricsError as error:
            html = app_state.templates.fragment(
                "connection_refused.html",
                problem=error.to_problem(),
                title="Connection Error",
                ended=(),
                source=view.source,
            )
            return JobResult(address(view.id), html, error.to_problem())
        return JobResult(address(view.id))

    job = app_state.jobs.start(
        person, f"Checking {view.label}", work, checks=form.steps, back=address(view.id)
    )
    return started(request, job)


@router.get("/delete")
async def ask_to_delete(
    request: Request, app_state: CurrentAppState, person: Admin, source: str
) -> Response:
    """Confirm the deletion, listing the affected metrics."""
    view = await required(app_state, person, source)
    connections = await app_state.metrics.connections.list(person.actor)
    return app_state.templates.page(
        request,
        "connection_delete.html",
        view=view,
        metrics=await metrics_of(app_state, person, view),
        siblings=any(one.source == view.source and one.id != view.id for one in connections),
    )


@router.post("/delete")
async def delete(
    app_state: CurrentAppState, person: Admin, _form: CheckedForm, source: str
) -> Response:
    """Delete the connection with its credentials."""
    view = await required(app_state, person, source)
    await app_state.metrics.connections.delete(person.actor, view.id)
    return RedirectResponse(f"/settings/integrations?deleted={view.source}", 303)


async def find(app_state: AppState, person: Person, source: str) -> ConnectionView | None:
    """Return the connection of an address; ``None`` if there is none.

    Raises:
        AmbiguousConnection: The account has several connections to the source.
    """
    try:
        return await app_state.metrics.connections.show(person.actor, source)
    except NotFound:
        return None


async def required(app_state: AppState, person: Person, source: str) -> ConnectionView:
    """Return the connection of an address.

    Raises:
        NotFound: The account has no such connection.
        AmbiguousConnection: The account has several connections to the source.
    """
    view = await find(app_state, person, source)
    if view is None:
        raise NotFound(
            f"This account is not connected to {title_of(source)}.",
            remedy="Set it up under Account settings → Integrations.",
        )
    return view


async def submitted_form(
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
    page: Literal["new", "edit"],
) -> SubmittedForm:
    """Return the submitted form of a new or of a stored connection."""
    if page == "new":
        form = await app_state.metrics.connections.form(source)
        return SubmittedForm.read(form, given, f"{address(source)}/new")
    view = await required(app_state, person, source)
    form = await app_state.metrics.connections.form(view.source)
    return SubmittedForm.read(form, given, f"{address(view.id)}/edit", view.id)


async def metrics_of(app_state: AppState, person: Person, view: ConnectionView) -> tuple[str, ...]:
    """Return the names of the metrics of a connection."""
    metrics = await app_state.metrics.metrics.list(person.actor)
    return tuple(metric.name for metric in metrics if metric.connection_id == view.id)


async def _connect(  # noqa: PLR0913, PLR0917  # The parts of a request.
    request: Request,
    app_state: AppState,
    person: Person,
    given: FormData,
    source: str,
    page: str,
) -> Response:
    form = await app_state.metrics.connections.form(source)
    submitted = SubmittedForm.read(form, given, page)

    async def save(values: Values, job: Job) -> ConnectionView:
        return await app_state.metrics.connections.connect(
            person.actor, source, values, name=submitted.name, on_step=job.step
        )

    return start_saving(request, app_state, person, submitted, save)


async def _new_form(
    request: Request, app_state: AppState, person: Person, source: str, outcome: object
) -> Response:
    """Show the form to connect a source; further connections require a name."""
    form = await app_state.metrics.connections.form(source)
    views = await app_state.metrics.connections.list(person.actor)
    return _form_page(
        request,
        app_state,
        form,
        view=None,
        typed=outcome.typed if isinstance(outcome, Refused | Proposed | ShownColumns) else {},
        outcome=outcome,
        siblings=tuple(one.name for one in views if one.source == source),
    )


async def _usable(app_state: AppState, source: str) -> bool:
    """Whether the source of a connection is still available."""
    try:
        await app_state.metrics.connections.form(source)
    except MetricsError:
        return False
    return True


def _form_page(  # noqa: PLR0913  # The differences between the two forms.
    request: Request,
    app_state: AppState,
    form: SourceForm,
    *,
    view: ConnectionView | None,
    typed: Mapping[str, str],
    outcome: object,
    siblings: tuple[str, ...] = (),
) -> Response:
    """Show a form, with the outcome of the job that it started."""
    refused = outcome if isinstance(outcome, Refused) else None
    return app_state.templates.page(
        request,
        "connection_form.html",
        form=form,
        view=view,
        typed=typed,
        refused=refused,
        proposed=outcome if isinstance(outcome, Proposed) else None,
        shown=outcome if isinstance(outcome, ShownColumns) else refused and refused.columns,
        siblings=siblings,
        masked={field.name: field.value for field in view.fields if field.secret} if view else {},
        wrong={one.name: one for one in refused.problem.fields} if refused else {},
    )
