"""Debug bundles: archives of a survey's data and diagnostics for support."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi import Response
from pydantic import Field

from smaply_metrics_host.api.models import ApiModel, ConnectionName, SurveyId, example
from smaply_metrics_host.api.responses import created, errors
from smaply_metrics_host.api.routes.jobs import ApiJob, started
from smaply_metrics_host.api.routing import Admin, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.jobs import JobResult

if TYPE_CHECKING:
    from smaply_metrics_host.jobs import Job

router = api_router("debug bundles", "/debug-bundles")


class BundleRequest(ApiModel):
    """The survey to export."""

    model_config = example(connection="qualtrics", survey_id="SV_1")

    connection: ConnectionName
    survey_id: SurveyId
    include_personal: bool = Field(
        default=False, description="Whether to include personal data, such as IP addresses."
    )


@router.post(
    "",
    status_code=202,
    responses=created(202, "show_job", "job_id") | errors(404, 429),
)
async def start_debug_bundle(
    app_state: CurrentAppState, admin: Admin, body: BundleRequest, response: Response
) -> ApiJob:
    """Create a debug bundle of a survey.

    Returns a job. When it has ended, download the bundle from its `file`. If the survey tool fails,
    the bundle is created without the data; see `missing`.
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
    return started(app_state.jobs.start(admin, title, work, source=connection.title), response)
