"""The preview of a metric, values to filter by and numbers of answers: jobs that save nothing."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from smaply_metrics_core.host import (
    Calculation,
    Definition,
    GroupBy,
    InputError,
    MetricsError,
    MetricType,
    NotFound,
)
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.metric_form.drafts import DraftPreview, PutAside
from smaply_metrics_host.metric_form.form_context import CSV, with_connection
from smaply_metrics_host.metric_form.form_data import FIND_VALUES, MetricForm, read
from smaply_metrics_host.metric_form.preview_card import preview_view
from smaply_metrics_host.metric_form.validation import (
    FormInvalid,
    ValidatedForm,
    display_of,
    validate_form,
)
from smaply_metrics_host.rendering.chart_renderer import ThemeName
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.routes.metric_form import (
    AtDesk,
    FormPage,
    asked_by,
    not_fitting,
    render,
    source_title,
)
from smaply_metrics_host.web.forms import whole
from smaply_metrics_host.web.reader_problem import problem_for

router = APIRouter(prefix="/metrics", include_in_schema=False)

TITLE = "Calculating the preview"


@router.post("/preview")
async def show(desk: AtDesk, sent: CheckedForm) -> Response:
    """Start a job that calculates the form's definition, from downloaded data if possible."""
    app_state, person = desk.app_state, desk.person
    form = await with_connection(app_state.metrics, person.actor, read(sent))
    try:
        wanted = validate_form(form, to_save=False)
    except FormInvalid as error:
        said = await not_fitting(desk, form, error, "No preview")
        return await render(desk, form, asked_by(sent), said)
    # An uploaded file is read again, since it may have been replaced.
    sources = {one.id: one.source for one in await app_state.metrics.connections.list(person.actor)}
    reload = "reload_data" in sent or sources.get(wanted.source) == CSV
    before = app_state.drafts.preview(person, form.preview)
    back = f"/metrics/drafts/{app_state.drafts.put(person, PutAside(form, preview=before))}"

    async def work(job: Job) -> JobResult:
        return await _measure(desk, form, wanted, job, reload=reload)

    source = await source_title(desk, form)
    job = app_state.jobs.start(person, TITLE, work, source=source, back=back)
    return started(desk.request, job)


@router.post("/values")
async def find_values(desk: AtDesk, sent: CheckedForm) -> Response:
    """Start a job that lists the values of the field of a filter, as they are in the data."""
    app_state, person = desk.app_state, desk.person
    form = await with_connection(app_state.metrics, person.actor, read(sent))
    chosen = sent.get(FIND_VALUES, "")
    number = whole(chosen) if isinstance(chosen, str) else None
    if number is None or number >= len(form.filters) or not form.survey:
        raise InputError("This filter does not exist.", remedy="Open the form again.")
    row = form.filters[number]
    survey = await app_state.metrics.catalog.questionnaire(person.actor, form.source, form.survey)
    # Entered values have no responses to count.
    entered = next(iter(() if survey.has_responses else survey.questions), None)
    values_of = Definition(
        type=MetricType.SERIES,
        survey_id=form.survey,
        question_id=entered.id if entered else None,
        calculation=entered.calculations[0] if entered else Calculation.RESPONSES,
        group_by=GroupBy.parse(row.of),
    )
    preview = app_state.drafts.preview(person, form.preview)
    back = f"/metrics/drafts/{app_state.drafts.put(person, PutAside(form, preview=preview))}"

    async def work(job: Job) -> JobResult:
        result = await app_state.metrics.metrics.preview(
            person.actor, form.source, values_of, progress=job.progress, prefetch=False
        )
        found = tuple(sorted(group.key for group in result.groups if not group.hidden))
        if not found:
            raise InputError(
                "No values were found.", remedy="Choose another field, or enter the values."
            )
        rows = (*form.filters[:number], replace(row, found=found), *form.filters[number + 1 :])
        aside = PutAside(replace(form, filters=rows), preview=preview)
        return JobResult(f"/metrics/drafts/{app_state.drafts.put(person, aside)}")

    source = await source_title(desk, form)
    job = app_state.jobs.start(person, "Listing the values", work, source=source, back=back)
    return started(desk.request, job)


@router.post("/answers")
async def count_answers(desk: AtDesk, sent: CheckedForm) -> Response:
    """Start a job that counts the answers of all questions of the survey, at most once an hour."""
    app_state, person = desk.app_state, desk.person
    form = await with_connection(app_state.metrics, person.actor, read(sent))
    if not form.survey:
        raise InputError("No survey is chosen.", remedy="Choose a survey.")
    preview = app_state.drafts.preview(person, form.preview)
    back = f"/metrics/drafts/{app_state.drafts.put(person, PutAside(form, preview=preview))}"

    async def work(job: Job) -> JobResult:
        await app_state.metrics.catalog.count_answers(
            person.actor, form.source, form.survey, progress=job.progress
        )
        return JobResult(back)

    source = await source_title(desk, form)
    job = app_state.jobs.start(person, "Counting the answers", work, source=source, back=back)
    return started(desk.request, job)


@router.get("/drafts/{draft}/chart.svg")
async def chart(
    app_state: CurrentAppState, person: Editor, draft: str, theme: ThemeName = "light"
) -> Response:
    """Return the chart of a preview as SVG, for browsers without scripts."""
    aside = app_state.drafts.find(person, draft)
    if aside.preview is None:
        raise NotFound("This form has no preview.", remedy="Show the preview again.")
    account = await app_state.metrics.accounts.show(person.actor)
    display, _ = display_of(aside.form)
    rendered = await run_in_threadpool(
        app_state.result_renderer.render, aside.preview.result, display, account.zone
    )
    svg = await app_state.chart_renderer.svg(rendered, theme)
    return Response(svg, media_type="image/svg+xml")


async def _measure(
    desk: FormPage, form: MetricForm, wanted: ValidatedForm, job: Job, *, reload: bool
) -> JobResult:
    app_state, person = desk.app_state, desk.person
    try:
        result = await app_state.metrics.metrics.preview(
            person.actor, wanted.source, wanted.definition, progress=job.progress, reload=reload
        )
    except MetricsError as error:
        # The job shows its problem as the person reads it; the draft is shown without the job.
        problem = problem_for(person.role, error.to_problem(), job.source)
        before = app_state.drafts.preview(person, form.preview)
        draft = app_state.drafts.put(person, PutAside(form, problem=problem, preview=before))
        return JobResult(f"/metrics/drafts/{draft}", problem=error.to_problem())
    preview = DraftPreview(wanted.source, wanted.definition, result)
    draft = app_state.drafts.put(person, PutAside(form, preview=preview))
    account = await app_state.metrics.accounts.show(person.actor)
    shown = preview_view(
        preview,
        replace(form, preview=draft),
        wanted.definition,
        app_state.result_renderer,
        account.zone,
    )
    html = app_state.templates.fragment("metric_preview.html", preview=shown)
    return JobResult(f"/metrics/drafts/{draft}", html)
