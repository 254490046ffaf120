"""Jobs: what runs longer than a request, and what came of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from fastapi import Response
from pydantic import Field
from starlette.responses import FileResponse

from smaply_metrics_core.host import NotFound, Problem, Result, StepResult
from smaply_metrics_host.api.models import ApiModel, WaitInQuery, id_in_path
from smaply_metrics_host.api.rendered_result import Drawing
from smaply_metrics_host.api.routing import PREFIX, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.jobs import JobState

if TYPE_CHECKING:
    from smaply_metrics_host.jobs import Job

router = api_router("jobs", "/jobs")

JobInPath = Annotated[str, id_in_path("job", "q1wT2bZ0aVnM3x9K")]


class PreviewResource(ApiModel):
    """What a metric would show."""

    result: Result
    drawing: Drawing


class ApiJob(ApiModel):
    """A job of the person who asks."""

    id: str
    title: str
    state: JobState
    done: float = Field(description="How much of total is done; without a total, just how much.")
    total: float | None
    what: str = Field(description="What it is doing.")
    steps: tuple[StepResult, ...] = Field(description="Steps of a check that have ended.")
    problem: Problem | None = Field(description="Why it failed.")
    preview: PreviewResource | None = Field(description="What came of a preview.")
    file: str | None = Field(description="Where the file that it made can be downloaded.")
    missing: Problem | None = Field(description="Why not all of the data is in a debug bundle.")


def job_view(job: Job) -> ApiJob:
    """Show a job as it stands."""
    view = job.view
    ended = view.state is not JobState.RUNNING
    return ApiJob(
        id=view.id,
        title=view.title,
        state=view.state,
        done=view.done,
        total=view.total,
        what=view.what,
        steps=view.steps,
        problem=view.problem,
        preview=job.memo if isinstance(job.memo, PreviewResource) else None,
        file=f"{PREFIX}/jobs/{job.id}/file" if ended and job.file is not None else None,
        missing=job.memo if isinstance(job.memo, Problem) else None,
    )


def started(job: Job, response: Response) -> ApiJob:
    """Answer the call that started a job: 202, and where to ask for it."""
    response.headers["location"] = f"{PREFIX}/jobs/{job.id}"
    return job_view(job)


@router.get("/{job_id}")
async def show_job(
    app_state: CurrentAppState, person: Viewer, job_id: JobInPath, wait: WaitInQuery = 0.0
) -> ApiJob:
    """Show how far a job is, and what came of it.

    One that has ended can be asked for during a quarter of an hour.
    """
    job = app_state.jobs.find(person, job_id)
    with suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await job.ended()
    return job_view(job)


@router.post("/{job_id}/cancel")
async def cancel_job(app_state: CurrentAppState, person: Viewer, job_id: JobInPath) -> ApiJob:
    """Stop a job; one that has ended stays as it is."""
    return job_view(await app_state.jobs.cancel(person, job_id))


@router.get(
    "/{job_id}/file",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The file.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def download_file(
    app_state: CurrentAppState, person: Viewer, job_id: JobInPath
) -> FileResponse:
    """Download the file that a job made."""
    job = app_state.jobs.find(person, job_id)
    if job.file is None or job.state is JobState.RUNNING:
        raise NotFound("This job has no file.", remedy="Wait until it has ended, or begin it anew.")
    return FileResponse(
        job.file, filename=job.file_name or job.file.name, media_type="application/zip"
    )
