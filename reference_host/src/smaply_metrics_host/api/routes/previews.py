"""Previews: results of unsaved metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import Definition, Display
from smaply_metrics_host.api.models import ApiModel, ConnectionName, example
from smaply_metrics_host.api.rendered_result import Theme, drawing
from smaply_metrics_host.api.responses import created, errors
from smaply_metrics_host.api.routes.jobs import ApiJob, PreviewResource, started
from smaply_metrics_host.api.routing import Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.jobs import JobResult

if TYPE_CHECKING:
    from smaply_metrics_host.jobs import Job

router = api_router("previews", "/previews")


class PreviewRequest(ApiModel):
    """The definition to calculate, and its display."""

    model_config = example(
        connection="qualtrics",
        definition={"survey_id": "SV_1", "question_id": "QID1", "calculation": "nps"},
        display={"chart": "gauge", "target": 40},
    )

    connection: ConnectionName
    definition: Definition
    display: Display = Display()
    theme: Theme = "light"
    reload: bool = Field(
        default=False,
        description="Whether to ignore data cached in the last ten minutes.",
    )


@router.post(
    "",
    status_code=202,
    responses=created(202, "show_job", "job_id") | errors(404, 429),
)
async def start_preview(
    app_state: CurrentAppState, editor: Editor, body: PreviewRequest, response: Response
) -> ApiJob:
    """Calculate a metric without saving it.

    Returns a job. When it has ended, its `preview` contains the result with texts and a chart. A
    definition that is not valid is reported in its `problem`.
    """
    connection = await app_state.metrics.connections.show(editor.actor, body.connection)

    async def work(job: Job) -> JobResult:
        result = await app_state.metrics.metrics.preview(
            editor.actor,
            body.connection,
            body.definition,
            progress=job.progress,
            reload=body.reload,
        )
        zone = (await app_state.metrics.accounts.show(editor.actor)).zone
        drawn = await run_in_threadpool(drawing, app_state, result, body.display, body.theme, zone)
        job.memo = PreviewResource(result=result, drawing=drawn)
        return JobResult("")

    job = app_state.jobs.start(editor, "Calculating a preview", work, source=connection.title)
    return started(job, response)
