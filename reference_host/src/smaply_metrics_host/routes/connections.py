"""One source of an account: set it up, look at it, check it again, edit it, delete it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import (
    ConnectionView,
    MetricsError,
    NotFound,
    Problem,
    SourceForm,
    StepResult,
)
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin, CheckedForm
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)

JobId = Annotated[str, Query(alias="job")]
Save = Callable[[Mapping[str, str], Job], Awaitable[ConnectionView]]


@dataclass(frozen=True)
class Refused:
    """A Save that came to nothing.

    Attributes:
        ended: How far the check came; empty when it had not begun.
        typed: What the form held, without the secrets: a page never sends those back.
    """

    problem: Problem
    ended: tuple[StepResult, ...]
    typed: Mapping[str, str]

    @property
    def title(self) -> str:
        """What the page calls it."""
        return "Connection Failed" if self.ended else "Not saved"


@router.get("")
async def show(
    request: Request, app_state: CurrentAppState, person: Admin, source: str, job_id: JobId = ""
) -> Response:
    """Show a connection, or the form that sets it up."""
    outcome = left_by(app_state, person, job_id)
    refused = outcome if isinstance(outcome, Refused) else None
    view = await find(app_state, person, source)
    if view is None:
        form = await app_state.metrics.connections.form(source)
        typed = refused.typed if refused else {}
        return _form_page(request, app_state, form, view=None, typed=typed, refused=refused)
    return app_state.templates.page(
        request,
        "connection.html",
        view=view,
        usable=await _usable(app_state, source),
        metrics=await metrics_of(app_state, person, source),
        unseen=outcome.unseen if isinstance(outcome, ConnectionView) else (),
        refused=refused,
    )


@router.post("")
async def connect(
    request: Request, app_state: CurrentAppState, person: Admin, given: CheckedForm, source: str
) -> Response:
    """Check what was entered and, when it is accepted, keep it sealed: a job."""
    form = await app_state.metrics.connections.form(source)

    async def save(values: Mapping[str, str], job: Job) -> ConnectionView:
        return await app_state.metrics.connections.connect(
            person.actor, source, values, on_step=job.step
        )

    return _saving(request, app_state, person, form, given, save, address(source))


@router.get("/edit")
async def edit_form(  # noqa: PLR0913, PLR0917  # What a route is handed.
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    source: str,
    job_id: JobId = "",
    suggested: Annotated[bool, Query()] = False,  # noqa: FBT002  # By name, in an address.
) -> Response:
    """Show the form with what is stored; ``suggested`` puts in what the connection's issue says."""
    view = await required(app_state, person, source)
    form = await app_state.metrics.connections.form(source)
    outcome = left_by(app_state, person, job_id)
    refused = outcome if isinstance(outcome, Refused) else None
    typed = {field.name: field.value for field in view.fields if not field.secret}
    if suggested and view.problem is not None:
        typed |= {one.name: one.suggestion for one in view.problem.fields if one.suggestion}
    if refused is not None:
        typed |= refused.typed
    return _form_page(request, app_state, form, view=view, typed=typed, refused=refused)


@router.post("/edit")
async def edit(
    request: Request, app_state: CurrentAppState, person: Admin, given: CheckedForm, source: str
) -> Response:
    """Check the new credentials; the old ones stay until these are accepted: a job."""
    await required(app_state, person, source)
    form = await app_state.metrics.connections.form(source)

    async def save(values: Mapping[str, str], job: Job) -> ConnectionView:
        return await app_state.metrics.connections.edit(
            person.actor, source, values, on_step=job.step
        )

    return _saving(request, app_state, person, form, given, save, f"{address(source)}/edit")


@router.post("/check")
async def check(
    request: Request, app_state: CurrentAppState, person: Admin, _form: CheckedForm, source: str
) -> Response:
    """Check a stored connection again; what is found is kept with it: a job."""
    view = await required(app_state, person, source)
    form = await app_state.metrics.connections.form(source)

    async def work(job: Job) -> JobResult:
        try:
            await app_state.metrics.connections.check(person.actor, source, on_step=job.step)
        except MetricsError as error:
            html = app_state.templates.fragment(
                "connection_refused.html",
                problem=error.to_problem(),
                title="Connection Error",
                ended=(),
                source=source,
            )
            return JobResult(address(source), html, error.to_problem())
        return JobResult(address(source))

    job = app_state.jobs.start(
        person, f"Checking {view.title}", work, checks=form.steps, back=address(source)
    )
    return started(request, job)


@router.get("/delete")
async def ask_to_delete(
    request: Request, app_state: CurrentAppState, person: Admin, source: str
) -> Response:
    """Ask, naming the metrics that stop."""
    view = await required(app_state, person, source)
    return app_state.templates.page(
        request,
        "connection_delete.html",
        view=view,
        metrics=await metrics_of(app_state, person, source),
    )


@router.post("/delete")
async def delete(
    app_state: CurrentAppState, person: Admin, _form: CheckedForm, source: str
) -> Response:
    """Destroy the credentials."""
    view = await required(app_state, person, source)
    await app_state.metrics.connections.delete(person.actor, view.id)
    return RedirectResponse(f"/settings/integrations?deleted={view.source}", 303)


def address(source: str) -> str:
    """Give the page of a source."""
    return f"/settings/integrations/{source}"


async def find(app_state: AppState, person: Person, source: str) -> ConnectionView | None:
    """Give the account's connection to a source; None when there is none."""
    try:
        view = await app_state.metrics.connections.show(person.actor, source)
    except NotFound:
        return None
    return view if view.source == source else None


async def required(app_state: AppState, person: Person, source: str) -> ConnectionView:
    """Give the account's connection to a source.

    Raises:
        NotFound: when there is none.
    """
    view = await find(app_state, person, source)
    if view is None:
        raise NotFound(
            f"This account is not connected to {source}: nobody has set it up, or somebody "
            "deleted it meanwhile.",
            remedy="Look at Account settings → Integrations, and set it up there.",
        )
    return view


async def metrics_of(app_state: AppState, person: Person, source: str) -> tuple[str, ...]:
    """Name the account's metrics on a source."""
    metrics = await app_state.metrics.metrics.list(person.actor)
    return tuple(metric.name for metric in metrics if metric.source == source)


async def _usable(app_state: AppState, source: str) -> bool:
    """Tell whether the source of a connection can still be called."""
    try:
        await app_state.metrics.connections.form(source)
    except MetricsError:
        return False
    return True


def _saving(  # noqa: PLR0913, PLR0917  # Connecting and editing differ in these.
    request: Request,
    app_state: AppState,
    person: Person,
    form: SourceForm,
    given: FormData,
    save: Save,
    page: str,
) -> Response:
    job = app_state.jobs.start(
        person,
        f"Checking {form.title}",
        partial(_save, app_state, form, _entered(form, given), save, page),
        checks=form.steps,
        back=page,
    )
    return started(request, job)


async def _save(  # noqa: PLR0913, PLR0917  # As above.
    app_state: AppState,
    form: SourceForm,
    values: Mapping[str, str],
    save: Save,
    page: str,
    job: Job,
) -> JobResult:
    """Save, and leave with the job what the page of its outcome tells."""
    try:
        job.memo = await save(values, job)
    except MetricsError as error:
        secrets = {field.name for field in form.fields if field.secret}
        typed = {name: value for name, value in values.items() if name not in secrets}
        job.memo = refused = Refused(error.to_problem(), job.view.steps, typed)
        html = app_state.templates.fragment(
            "connection_refused.html",
            problem=refused.problem,
            title=refused.title,
            ended=refused.ended,
            source=form.id,
        )
        return JobResult(f"{page}?job={job.id}", html, refused.problem)
    return JobResult(f"{address(form.id)}?job={job.id}")


def _entered(form: SourceForm, given: FormData) -> dict[str, str]:
    """Take the source's fields from a form, without the blank ones.

    A button that offers the right value of a field carries it as ``use:NAME``.
    """
    entered = {
        field.name: given.get(f"use:{field.name}") or given.get(field.name) for field in form.fields
    }
    return {
        name: value for name, value in entered.items() if isinstance(value, str) and value.strip()
    }


def left_by(app_state: AppState, person: Person, job_id: str) -> object:
    """Give what a job has left for the page that shows its outcome, if it is still known."""
    if not job_id:
        return None
    try:
        return app_state.jobs.find(person, job_id).memo
    except NotFound:
        return None


def _form_page(  # noqa: PLR0913  # What the two forms differ in.
    request: Request,
    app_state: AppState,
    form: SourceForm,
    *,
    view: ConnectionView | None,
    typed: Mapping[str, str],
    refused: Refused | None,
) -> Response:
    return app_state.templates.page(
        request,
        "connection_form.html",
        form=form,
        view=view,
        typed=typed,
        refused=refused,
        masked={field.name: field.value for field in view.fields if field.secret} if view else {},
        wrong={one.name: one for one in refused.problem.fields} if refused else {},
    )
