"""Debug bundles: a survey's data and everything around it, as one file for support."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi import Response
from pydantic import Field

from smaply_metrics_host.api.models import ApiModel, ConnectionName, SurveyId, example
from smaply_metrics_host.api.responses import made, refused
from smaply_metrics_host.api.routes.jobs import ApiJob, started
from smaply_metrics_host.api.routing import Admin, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.jobs import JobResult

if TYPE_CHECKING:
    from smaply_metrics_host.jobs import Job

router = api_router("debug bundles", "/debug-bundles")


class BundleAsked(ApiModel):
    """The survey, and how much of it."""

    model_config = example(connection="qualtrics", survey_id="SV_1")

    connection: ConnectionName
    survey_id: SurveyId
    include_personal: bool = Field(
        default=False, description="With the columns that identify people, such as IP addresses."
    )


@router.post(
    "",
    status_code=202,
    responses=made(202, "show_job", "job_id") | refused(404, 429),
)
async def start_debug_bundle(
    app_state: CurrentAppState, admin: Admin, body: BundleAsked, response: Response
) -> ApiJob:
    """Download a survey's data with what support needs to see beside it.

    The answer is a job. Once it has ended, its ``file`` is where the bundle can be downloaded. A
    bundle is made even when the survey tool fails: ``missing`` then says why data is not in it.
    """
    connection = await app_state.metrics.connections.show(admin.actor, body.connection)

    async def work(job: Job) -> JobResult:
        bundle = await app_state.metrics.debug_bundles.export(
            admin.actor,
            body.connection,
            body.survey_id,
            app_state.downloads.path(job.id),
            include_personal=body.include_personal,
            progress=job.progress,
        )
        job.file, job.memo = bundle.path, bundle.problem
        named = re.sub(r"[^A-Za-z0-9_-]+", "_", body.survey_id)[:100]
        job.file_name = f"{connection.source}-{named}-{app_state.clock.now():%Y-%m-%d}.zip"
        return JobResult("")

    title = f"Downloading survey data from {connection.title}"
    return started(app_state.jobs.start(admin, title, work), response)
