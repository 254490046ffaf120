"""Fills a field of a connection's form with the value that the source proposes, in a job."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from smaply_metrics_core.host import InputError, MetricsError, SourceForm
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.column_edits import ConnectionFormData
from smaply_metrics_host.routes.connection_saving import (
    Proposed,
    Refused,
    address,
    entered,
    fit_form,
    refuse,
    shown_again,
)
from smaply_metrics_host.routes.connections import required
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)


@router.post("/new/propose")
async def propose_for_new(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Start a job that proposes a value for the form of a new connection."""
    form = await app_state.metrics.connections.form(source)
    return _start(request, app_state, person, form, given, f"{address(source)}/new")


@router.post("/edit/propose")
async def propose_for_stored(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    source: str,
) -> Response:
    """Start a job that proposes a value; fields that are not entered have the stored value."""
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
    name = given.get("propose")
    field = next((one for one in form.fields if one.proposable and one.name == name), None)
    if field is None:
        raise InputError(
            "The form has no such field with a proposal.", remedy="Reload the page and try again."
        )
    values = entered(form, given)
    typed = shown_again(values, given)

    async def propose(job: Job) -> JobResult:
        """Propose a value, and store the form with it for the page that shows it."""
        try:
            value = await app_state.metrics.connections.propose_value(
                person.actor, form.id, field.name, values, connection_id=connection_id
            )
        except MetricsError as error:
            refused = Refused(fit_form(error.to_problem()), (), typed, "Nothing proposed")
            return refuse(app_state, form, job, page, refused)
        secrets = tuple(one.label for one in form.fields if one.secret and one.name in values)
        shown = typed | ({field.name: value} if value else {})
        job.memo = proposed = Proposed(field, value, shown, secrets)
        html = app_state.templates.fragment("connection_proposed.html", proposed=proposed)
        return JobResult(f"{page}?job={job.id}", html)

    title = f"Proposing a value for {field.label}"
    job = app_state.jobs.start(person, title, propose, source=form.title, back=page)
    return started(request, job)
