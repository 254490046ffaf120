"""Jobs: long operations, with progress and result."""

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
from smaply_metrics_host.web.reader_problem import problem_for

if TYPE_CHECKING:
    from smaply_metrics_host.jobs import Job

router = api_router("jobs", "/jobs")

JobInPath = Annotated[str, id_in_path("job", "q1wT2bZ0aVnM3x9K")]


class PreviewResource(ApiModel):
    """The result of a preview."""

    result: Result
    drawing: Drawing


class ApiJob(ApiModel):
    """A job of the signed-in person."""

    id: str
    title: str
    state: JobState
    done: float = Field(description="The completed part of `total`, or an absolute amount.")
    total: float | None
    what: str = Field(description="The current activity.")
    steps: tuple[StepResult, ...] = Field(description="The completed steps of a check.")
    problem: Problem | None = Field(description="Why the job failed.")
    preview: PreviewResource | None = Field(description="The result of a preview.")
    file: str | None = Field(description="The URL of the file to download.")
    missing: Problem | None = Field(description="Why a debug bundle does not contain all data.")


def job_view(job: Job) -> ApiJob:
    """Return the current state of a job."""
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
        missing=problem_for(job.role, job.memo, job.source)
        if isinstance(job.memo, Problem)
        else None,
    )


def started(job: Job, response: Response) -> ApiJob:
    """Return a started job and set its ``Location`` header."""
    response.headers["location"] = f"{PREFIX}/jobs/{job.id}"
    return job_view(job)


@router.get("/{job_id}")
async def show_job(
    app_state: CurrentAppState, person: Viewer, job_id: JobInPath, wait: WaitInQuery = 0.0
) -> ApiJob:
    """Get the progress and result of a job.

    A job is available for 15 minutes after it has ended.
    """
    job = app_state.jobs.find(person, job_id)
    with suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await job.ended()
    return job_view(job)


@router.post("/{job_id}/cancel")
async def cancel_job(app_state: CurrentAppState, person: Viewer, job_id: JobInPath) -> ApiJob:
    """Cancel a job.

    Has no effect on a job that has ended.
    """
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
    """Download the file of a job."""
    job = app_state.jobs.find(person, job_id)
    if job.file is None or job.state is JobState.RUNNING:
        raise NotFound("This job has no file.", remedy="Wait until it has ended.")
    return FileResponse(
        job.file, filename=job.file_name or job.file.name, media_type="application/zip"
    )
