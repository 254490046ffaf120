"""Debug Configuration: a survey's data, and what support needs to see with it, as one file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from smaply_metrics_core.host import InputError, MetricsError, Problem, SurveyPage
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin, CheckedForm
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.connections import JobId, address, left_by, required
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

router = APIRouter(prefix="/settings/integrations/{source}/debug", include_in_schema=False)

SHOWN: Final = 50
"""Surveys listed at once; search finds the others."""
LONGEST_ID: Final = 100
Search = Annotated[str | None, Query(max_length=300)]
Reload = Annotated[bool, Query()]


@dataclass(frozen=True)
class Made:
    """A bundle that was made, or why none was.

    Attributes:
        name: What the file is called; empty when there is none.
        size: Of the file, in bytes.
        personal: Whether columns about the respondents themselves were asked for.
        problem: What is missing in it, or why there is none.
    """

    name: str = ""
    size: int = 0
    personal: bool = False
    problem: Problem | None = None


@router.get("")
async def choose(  # noqa: PLR0913, PLR0917  # What a route is handed.
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    source: str,
    search: Search = None,
    reload: Reload = False,  # noqa: FBT002  # By name, in an address.
    job_id: JobId = "",
) -> Response:
    """Ask which survey; the list is fetched by a script, or on request: it may take a while."""
    view = await required(app_state, person, source)
    made = left_by(app_state, person, job_id)
    listed = (
        {} if search is None else await _surveys(app_state, person, source, search, reload=reload)
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
    """Give the list of surveys, as the part of the page."""
    await required(app_state, person, source)
    listed = await _surveys(app_state, person, source, search or "", reload=reload)
    return HTMLResponse(app_state.templates.fragment("debug_surveys.html", **listed))


@router.post("")
async def download(
    request: Request, app_state: CurrentAppState, person: Admin, given: CheckedForm, source: str
) -> Response:
    """Make the bundle: a job."""
    view = await required(app_state, person, source)
    page = f"{address(source)}/debug"
    survey = str(given.get("survey_id") or given.get("survey") or "").strip()
    personal = "personal" in given

    async def work(job: Job) -> JobResult:
        try:
            made = await _make(app_state, person, job, source, survey, personal=personal)
        except MetricsError as error:
            made = Made(problem=error.to_problem())
        job.memo = made
        html = app_state.templates.fragment("debug_made.html", made=made, job_id=job.id)
        return JobResult(f"{page}?job={job.id}", html, None if made.name else made.problem)

    title = f"Downloading survey data from {view.title}"
    return started(request, app_state.jobs.start(person, title, work, back=page))


async def _make(  # noqa: PLR0913  # The survey, and who asks for it.
    app_state: AppState, person: Person, job: Job, source: str, survey: str, *, personal: bool
) -> Made:
    """Make a bundle, and leave it with the job.

    Raises:
        MetricsError: when there is none.
    """
    if not survey or len(survey) > LONGEST_ID:
        raise InputError(
            "It is not clear which survey you mean.",
            remedy="Choose one of the list, or enter its id.",
        )
    bundle = await app_state.metrics.debug_bundles.export(
        person.actor,
        source,
        survey,
        app_state.downloads.path(job.id),
        include_personal=personal,
        progress=job.progress,
    )
    job.file = bundle.path
    named = re.sub(r"[^A-Za-z0-9_-]+", "_", survey)
    job.file_name = f"{source}-{named}-{app_state.clock.now():%Y-%m-%d}.zip"
    size = (await run_in_threadpool(bundle.path.stat)).st_size
    return Made(job.file_name, size, personal, bundle.problem)


async def _surveys(
    app_state: AppState, person: Person, source: str, search: str, *, reload: bool
) -> dict[str, Any]:
    """Give what the list of surveys is made of; a source that cannot list them is no dead end."""
    page: SurveyPage | None = None
    problem: Problem | None = None
    try:
        page = await app_state.metrics.catalog.surveys(
            person.actor, source, search=search, limit=SHOWN, reload=reload
        )
    except MetricsError as error:
        problem = error.to_problem()
    return {"found": page, "problem": problem, "search": search, "page": f"{address(source)}/debug"}
