"""Jobs: their page, their event stream, and their files."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Viewer
from smaply_metrics_host.jobs import Job, JobState
from smaply_metrics_host.web.root_path import with_root

router = APIRouter(prefix="/jobs", include_in_schema=False)


def started(request: Request, job: Job) -> Response:
    """Respond to a form that started a job: JSON for scripts, a redirect for browsers."""
    location = f"/jobs/{job.id}"
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse({"id": job.id, "events": with_root(request, f"{location}/events")}, 202)
    return RedirectResponse(location, 303)


@router.get("/{job_id}")
async def show(
    request: Request, app_state: CurrentAppState, person: Viewer, job_id: str
) -> Response:
    """Show the progress of a job; the page reloads until the job ends, then shows the outcome."""
    view = app_state.jobs.find(person, job_id).view
    if view.state is not JobState.RUNNING and view.location:
        return RedirectResponse(view.location, 303)
    return app_state.templates.page(request, "job.html", job=view)


@router.get("/{job_id}/events")
async def events(
    request: Request, app_state: CurrentAppState, person: Viewer, job_id: str
) -> Response:
    """Stream a job's progress and its outcome, unless the person's role was lowered since."""
    job = app_state.jobs.find(person, job_id)

    async def views() -> AsyncGenerator[tuple[str, str], None]:
        async for view in job.follow():
            if view.state is not JobState.RUNNING:
                now = await app_state.authentication.session(request)
                if now is None or now.person.role < job.role:
                    return
            location = with_root(request, view.location)
            yield "job", view.model_copy(update={"location": location}).model_dump_json()

    return app_state.streams.answer((person.account, person.id), views())


@router.post("/{job_id}/cancel")
async def cancel(
    request: Request, app_state: CurrentAppState, person: Viewer, _form: CheckedForm, job_id: str
) -> Response:
    """Cancel a job."""
    return started(request, await app_state.jobs.cancel(person, job_id))


@router.get("/{job_id}/file")
async def file(app_state: CurrentAppState, person: Viewer, job_id: str) -> Response:
    """Download the file of a job."""
    job = app_state.jobs.find(person, job_id)
    if job.file is None:
        raise NotFound("There is no file to download.", remedy="Start the download again.")
    return FileResponse(job.file, filename=job.file_name or job.file.name)
