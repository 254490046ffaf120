"""Measuring without saving: a preview beside the form, as a job with progress and Cancel."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import MetricsError, NotFound
from smaply_metrics_host.drawings import ThemeName
from smaply_metrics_host.jobs import Job, Outcome
from smaply_metrics_host.making.drafts import Preview, PutAside
from smaply_metrics_host.making.form import MetricForm, read
from smaply_metrics_host.making.offer import CSV
from smaply_metrics_host.making.parts import Entered, FormInvalid, display_of, entered
from smaply_metrics_host.making.previews import preview_view
from smaply_metrics_host.pages.jobs import started
from smaply_metrics_host.pages.metric_form import AtDesk, Desk, asked_by, not_fitting, render
from smaply_metrics_host.site import CurrentSite
from smaply_metrics_host.web.asking import CheckedForm, Editor

router = APIRouter(prefix="/metrics", include_in_schema=False)

TITLE = "Measuring a preview"


@router.post("/preview")
async def show(desk: AtDesk, sent: CheckedForm) -> Response:
    """Measure what the form says; the download before is used again where it will do."""
    site, person, form = desk.site, desk.person, read(sent)
    try:
        wanted = entered(form, to_save=False)
    except FormInvalid as error:
        said = not_fitting(error, "No preview yet")
        return await render(desk, form, asked_by(sent), said)
    # A file is at hand, and may have been replaced a moment ago.
    reload = "reload_data" in sent or wanted.source == CSV
    before = site.drafts.preview(person, form.preview)
    back = f"/metrics/drafts/{site.drafts.put(person, PutAside(form, preview=before))}"

    async def work(job: Job) -> Outcome:
        return await _measure(desk, form, wanted, job, reload=reload)

    return started(desk.request, site.jobs.start(person, TITLE, work, back=back))


@router.get("/drafts/{draft}/chart.svg")
async def chart(
    site: CurrentSite, person: Editor, draft: str, theme: ThemeName = "light"
) -> Response:
    """Draw the chart of a preview, for browsers without script."""
    aside = site.drafts.find(person, draft)
    if aside.preview is None:
        raise NotFound("This form has no preview.", remedy="Show the preview again.")
    account = await site.metrics.metrics.account(person.actor)
    display, _ = display_of(aside.form)
    face = await run_in_threadpool(site.faces.of, aside.preview.result, display, account.zone)
    svg = await site.drawings.svg(face, theme)
    return Response(svg, media_type="image/svg+xml")


async def _measure(
    desk: Desk, form: MetricForm, wanted: Entered, job: Job, *, reload: bool
) -> Outcome:
    site, person = desk.site, desk.person
    try:
        result = await site.metrics.metrics.preview(
            person.actor, wanted.source, wanted.definition, progress=job.progress, reload=reload
        )
    except MetricsError as error:
        problem = error.to_problem()
        before = site.drafts.preview(person, form.preview)
        draft = site.drafts.put(person, PutAside(form, problem=problem, preview=before))
        return Outcome(f"/metrics/drafts/{draft}", problem=problem)
    preview = Preview(wanted.source, wanted.definition, result)
    draft = site.drafts.put(person, PutAside(form, preview=preview))
    account = await site.metrics.metrics.account(person.actor)
    shown = preview_view(
        preview, replace(form, preview=draft), wanted.definition, site.faces, account.zone
    )
    html = site.templates.fragment("metric_preview.html", preview=shown)
    return Outcome(f"/metrics/drafts/{draft}", html)
