"""The connection to one source: set up, show, check, edit, delete."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import SecretStr
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
from smaply_metrics_host.rendering.templating import title_of
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)

_TO_THE_FORM: Final = re.compile(r" under `?Edit Configuration`?(?=[.,;:]| and\b)")

JobId = Annotated[str, Query(alias="job")]
Values = Mapping[str, str | SecretStr]
Save = Callable[[Values, Job], Awaitable[ConnectionView]]


@dataclass(frozen=True)
class Refused:
    """A configuration that was not saved.

    Attributes:
        ended: The completed steps of the check; empty if it did not start.
        typed: The form values without secrets, which are never sent back.
    """

    problem: Problem
    ended: tuple[StepResult, ...]
    typed: Mapping[str, str]

    @property
    def title(self) -> str:
        """The title of the banner."""
        return "Connection Failed" if self.ended else "Not saved"


@router.get("")
async def show(
    request: Request, app_state: CurrentAppState, person: Admin, source: str, job_id: JobId = ""
) -> Response:
    """Show a connection, or the form to set it up."""
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
    """Start a job that checks the credentials and stores them encrypted."""
    form = await app_state.metrics.connections.form(source)

    async def save(values: Values, job: Job) -> ConnectionView:
        return await app_state.metrics.connections.connect(
            person.actor, source, values, on_step=job.step
        )

    return _saving(request, app_state, person, form, given, save, address(source))


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
    """Start a job that checks the new credentials and then replaces the old ones."""
    await required(app_state, person, source)
    form = await app_state.metrics.connections.form(source)

    async def save(values: Values, job: Job) -> ConnectionView:
        return await app_state.metrics.connections.edit(
            person.actor, source, values, on_step=job.step
        )

    return _saving(request, app_state, person, form, given, save, f"{address(source)}/edit")


@router.post("/check")
async def check(
    request: Request, app_state: CurrentAppState, person: Admin, _form: CheckedForm, source: str
) -> Response:
    """Start a job that checks a connection and stores the report."""
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
    """Confirm the deletion, listing the affected metrics."""
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
    """Delete the connection with its credentials."""
    view = await required(app_state, person, source)
    await app_state.metrics.connections.delete(person.actor, view.id)
    return RedirectResponse(f"/settings/integrations?deleted={view.source}", 303)


def fit_form(problem: Problem) -> Problem:
    """Return a problem with a remedy for a person who is on the form itself.

    Remedies are written for people on other pages, whom they send to Edit Configuration.
    """
    return problem.model_copy(update={"remedy": _TO_THE_FORM.sub("", problem.remedy)})


def address(source: str) -> str:
    """Return the URL of the page of a source."""
    return f"/settings/integrations/{source}"


async def find(app_state: AppState, person: Person, source: str) -> ConnectionView | None:
    """Return the account's connection to a source; ``None`` if there is none."""
    try:
        view = await app_state.metrics.connections.show(person.actor, source)
    except NotFound:
        return None
    return view if view.source == source else None


async def required(app_state: AppState, person: Person, source: str) -> ConnectionView:
    """Return the account's connection to a source.

    Raises:
        NotFound: The account is not connected to it.
    """
    view = await find(app_state, person, source)
    if view is None:
        raise NotFound(
            f"This account is not connected to {title_of(source)}.",
            remedy="Set it up under Account settings → Integrations.",
        )
    return view


async def metrics_of(app_state: AppState, person: Person, source: str) -> tuple[str, ...]:
    """Return the names of the account's metrics from a source."""
    metrics = await app_state.metrics.metrics.list(person.actor)
    return tuple(metric.name for metric in metrics if metric.source == source)


async def _usable(app_state: AppState, source: str) -> bool:
    """Whether the source of a connection is still available."""
    try:
        await app_state.metrics.connections.form(source)
    except MetricsError:
        return False
    return True


def _saving(  # noqa: PLR0913, PLR0917  # The differences between connecting and editing.
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
    values: Values,
    save: Save,
    page: str,
    job: Job,
) -> JobResult:
    """Save, and store the outcome with the job for the page that shows it."""
    try:
        job.memo = await save(values, job)
    except MetricsError as error:
        typed = {name: value for name, value in values.items() if isinstance(value, str)}
        problem = fit_form(error.to_problem())
        job.memo = refused = Refused(problem, job.view.steps, typed)
        html = app_state.templates.fragment(
            "connection_refused.html",
            problem=refused.problem,
            title=refused.title,
            ended=refused.ended,
            source=form.id,
        )
        return JobResult(f"{page}?job={job.id}", html, refused.problem)
    return JobResult(f"{address(form.id)}?job={job.id}")


def _entered(form: SourceForm, given: FormData) -> dict[str, str | SecretStr]:
    """Return the submitted values of the source's fields, without blank ones.

    A button with a suggested value submits it as ``use:NAME``.
    """
    entered: dict[str, str | SecretStr] = {}
    for field in form.fields:
        value = given.get(f"use:{field.name}") or given.get(field.name)
        if isinstance(value, str) and value.strip():
            entered[field.name] = SecretStr(value) if field.secret else value
    return entered


def left_by(app_state: AppState, person: Person, job_id: str) -> object:
    """Return the stored outcome of a job; ``None`` if it has expired."""
    if not job_id:
        return None
    try:
        return app_state.jobs.find(person, job_id).memo
    except NotFound:
        return None


def _form_page(  # noqa: PLR0913  # The differences between the two forms.
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
