"""Debug Configuration: the data of a survey with the details for support, as one file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from smaply_metrics_core.host import ConnectionView, InputError, MetricsError, Problem, SurveyPage
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin, CheckedForm
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.connection_saving import address, left_by
from smaply_metrics_host.routes.connections import JobId, required
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/integrations/{source}/debug", include_in_schema=False)

SHOWN: Final = 50
"""The number of surveys in the list; search finds the others."""
LONGEST_ID: Final = 100
Search = Annotated[str | None, Query(max_length=300)]
Reload = Annotated[bool, Query()]


@dataclass(frozen=True)
class Made:
    """The result of a download.

    Attributes:
        name: The file name; empty if there is no file.
        size: The size of the file in bytes.
        personal: Whether personal columns were requested.
        problem: What is missing in the file, or why there is none.
    """

    name: str = ""
    size: int = 0
    personal: bool = False
    problem: Problem | None = None


@router.get("")
async def choose(  # noqa: PLR0913, PLR0917  # Request parameters.
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    source: str,
    search: Search = None,
    reload: Reload = False,  # noqa: FBT002  # A query parameter.
    job_id: JobId = "",
) -> Response:
    """Show the form. A script, or a search, loads the list of surveys, which may take a while."""
    view = await required(app_state, person, source)
    made = left_by(app_state, person, job_id)
    listed = (
        {} if search is None else await _surveys(app_state, person, view.id, search, reload=reload)
    )
    return app_state.templates.page(
        request,
        "debug.html",
        view=view,
        search=search or "",
        made=made if isinstance(made, Made) else None,
        job_id=job_id,
        listed=listed,
    )


@router.get("/surveys")
async def surveys(
    app_state: CurrentAppState,
    person: Admin,
    source: str,
    search: Search = None,
    reload: Reload = False,  # noqa: FBT002  # As above.
) -> Response:
    """Return the list of surveys as a part of the page."""
    view = await required(app_state, person, source)
    listed = await _surveys(app_state, person, view.id, search or "", reload=reload)
    return HTMLResponse(app_state.templates.fragment("debug_surveys.html", **listed))


@router.post("")
async def download(
    request: Request, app_state: CurrentAppState, person: Admin, given: CheckedForm, source: str
) -> Response:
    """Start a job that creates the bundle."""
    view = await required(app_state, person, source)
    page = f"{address(view.id)}/debug"
    survey = str(given.get("survey_id") or given.get("survey") or "").strip()
    personal = "personal" in given

    async def work(job: Job) -> JobResult:
        try:
            made = await _make(app_state, person, job, view, survey, personal=personal)
        except MetricsError as error:
            made = Made(problem=error.to_problem())
        job.memo = made
        html = app_state.templates.fragment("debug_made.html", made=made, job_id=job.id)
        return JobResult(f"{page}?job={job.id}", html, None if made.name else made.problem)

    title = f"Downloading survey data from {view.label}"
    return started(request, app_state.jobs.start(person, title, work, back=page))


async def _make(  # noqa: PLR0913  # The survey and the person.
    app_state: AppState,
    person: Person,
    job: Job,
    view: ConnectionView,
    survey: str,
    *,
    personal: bool,
) -> Made:
    """Create a bundle and attach it to the job.

    Raises:
        MetricsError: No bundle could be created.
    """
    if not survey or len(survey) > LONGEST_ID:
        raise InputError(
            "Choose a survey first.", remedy="Select a survey in the list or enter its ID."
        )
    bundle = await app_state.metrics.debug_bundles.export(
        person.actor,
        view.id,
        survey,
        app_state.downloads.path(job.id),
        include_personal=personal,
        progress=job.progress,
    )
    job.file = bundle.path
    named = re.sub(r"[^A-Za-z0-9_-]+", "_", survey)
    job.file_name = f"{view.source}-{named}-{app_state.clock.now():%Y-%m-%d}.zip"
    size = (await run_in_threadpool(bundle.path.stat)).st_size
    return Made(job.file_name, size, personal, bundle.problem)


async def _surveys(
    app_state: AppState, person: Person, connection: str, search: str, *, reload: bool
) -> dict[str, Any]:
    """Return the data of the list of surveys, or the problem that prevented listing them."""
    page: SurveyPage | None = None
    problem: Problem | None = None
    try:
        page = await app_state.metrics.catalog.surveys(
            person.actor, connection, search=search, limit=SHOWN, reload=reload, all_surveys=True
        )
    except MetricsError as error:
        problem = error.to_problem()
    address_of = f"{address(connection)}/debug"
    return {"found": page, "problem": problem, "search": search, "page": address_of}
