"""Fills a field of a connection's form with the value that the source proposes, in a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from smaply_metrics_core.host import InputError, MetricsError
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import Admin
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.column_edits import ConnectionFormData
from smaply_metrics_host.routes.connection_saving import (
    Proposed,
    Refused,
    SubmittedForm,
    fit_form,
    refuse,
)
from smaply_metrics_host.routes.connections import submitted_form
from smaply_metrics_host.routes.jobs import started

router = APIRouter(prefix="/settings/integrations/{source}", include_in_schema=False)


@router.post("/{page}/propose")
async def propose(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    given: ConnectionFormData,
    submitted: Annotated[SubmittedForm, Depends(submitted_form)],
) -> Response:
    """Start a job that proposes a value; fields that are not entered have the stored value."""
    form, name = submitted.form, given.get("propose")
    field = next((one for one in form.fields if one.proposable and one.name == name), None)
    if field is None:
        raise InputError(
            "The form has no such field with a proposal.", remedy="Reload the page and try again."
        )

    async def work(job: Job) -> JobResult:
        """Propose a value, and store the form with it for the page that shows it."""
        try:
            value = await app_state.metrics.connections.propose_value(
                person.actor,
                form.id,
                field.name,
                submitted.values,
                connection_id=submitted.connection_id,
            )
        except MetricsError as error:
            problem = fit_form(error.to_problem())
            refused = Refused(problem, (), submitted.typed, "Nothing proposed")
            return refuse(app_state, submitted, job, refused)
        shown = submitted.typed | ({field.name: value} if value else {})
        job.memo = proposed = Proposed(field, value, shown, submitted.secrets)
        html = app_state.templates.fragment("connection_proposed.html", proposed=proposed)
        return JobResult(f"{submitted.page}?job={job.id}", html)

    title = f"Proposing a value for {field.label}"
    job = app_state.jobs.start(person, title, work, source=form.title, back=submitted.page)
    return started(request, job)
