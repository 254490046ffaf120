"""Creating and editing a metric: one form for all of its states."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from smaply_metrics_core.host import (
    EditConflict,
    InputError,
    Metric,
    MetricsError,
    NotFound,
    Problem,
)
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import CheckedForm, Editor
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.jobs import Job, JobResult, TooManyJobs
from smaply_metrics_host.metric_form.drafts import PutAside
from smaply_metrics_host.metric_form.form_context import (
    SURVEYS_SHOWN,
    FormContext,
    FormRequest,
    load_form_context,
)
from smaply_metrics_host.metric_form.form_data import QUESTION_BEFORE, MetricForm, filled, read
from smaply_metrics_host.metric_form.form_view import COMPARED, EXCLUDED, TYPES, view_of
from smaply_metrics_host.metric_form.metric_text import FieldDifference, definition_differences
from smaply_metrics_host.metric_form.preview_card import preview_view
from smaply_metrics_host.metric_form.validation import (
    FormInvalid,
    definition_of,
    display_of,
    preview_digest,
    validate_form,
)
from smaply_metrics_host.rendering.templating import title_of
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.store.people import Person, Workspace
from smaply_metrics_host.web.forms import whole
from smaply_metrics_host.web.fragments import fragment_of, moved
from smaply_metrics_host.web.reader_problem import problem_for

router = APIRouter(prefix="/metrics", include_in_schema=False)

PATIENCE_SECONDS: Final = 2.0
"""A form that takes longer becomes a job: listing thousands of surveys takes many requests."""
MOST_SURVEYS: Final = 1000
CONFLICT: Final = "conflict"
"""Submitted while the form shows an edit conflict."""
PICKING: Final = frozenset({"change_survey", "search_surveys", "shown"})
"""Buttons that show the list of surveys."""


@dataclass(frozen=True)
class Conflict:
    """The metric that someone else saved, and the fields that differ from the form."""

    theirs: Metric
    differences: tuple[FieldDifference, ...]


@dataclass(frozen=True)
class FormMessage:
    """The messages above and in a form.

    Attributes:
        problem: The problem of the last action, shown under ``title``.
        problems: Validation messages by field.
    """

    problem: Problem | None = None
    title: str = "Not saved"
    problems: dict[str, str] = field(default_factory=dict)
    conflict: Conflict | None = None
    status: int = 200


NOTHING_ASKED: Final = FormRequest()
NOTHING_SAID: Final = FormMessage()


@dataclass(frozen=True)
class FormPage:
    """The request and the person of a form."""

    request: Request
    app_state: AppState
    person: Person


async def _desk(request: Request, app_state: CurrentAppState, person: Editor) -> FormPage:
    return FormPage(request, app_state, person)


AtDesk = Annotated[FormPage, Depends(_desk)]


@router.get("/new")
async def new(  # noqa: PLR0913  # The initial values.
    desk: AtDesk,
    *,
    name: Annotated[str, Query(max_length=300)] = "",
    workspace: Annotated[str, Query(max_length=60)] = "",
    source: Annotated[str, Query(max_length=60)] = "",
    survey: Annotated[str, Query(max_length=200)] = "",
    place: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show a form for a new metric, with optional initial values and the place of its card."""
    cell = read_cell(place)
    form = MetricForm(
        name=name,
        workspace=workspace,
        source=source,
        survey=survey,
        place=" ".join(cell) if cell else "",
    )
    return await render(desk, form)


@router.get("/drafts/{draft}")
async def put_aside(desk: AtDesk, draft: str) -> Response:
    """Show a draft with the result of its last action."""
    aside = desk.app_state.drafts.find(desk.person, draft)
    form = replace(aside.form, preview=draft if aside.preview else aside.form.preview)
    said = FormMessage(problem=aside.problem, title="No preview", problems=aside.problems)
    return await render(desk, form, FormRequest(question_before=form.question), said)


@router.get("/{metric_id}/edit")
async def edit(desk: AtDesk, metric_id: str) -> Response:
    """Show the form of an existing metric."""
    form = filled(await desk.app_state.metrics.metrics.show(desk.person.actor, metric_id))
    return await render(desk, form, FormRequest(question_before=form.question))


@router.post("/form")
async def again(desk: AtDesk, sent: CheckedForm) -> Response:
    """Show the form with the options for its current choices."""
    form, said = read(sent), NOTHING_SAID
    if CONFLICT in sent and form.metric:
        # The conflict stays visible until it is resolved.
        theirs = await desk.app_state.metrics.metrics.show(desk.person.actor, form.metric)
        said = FormMessage(conflict=await _conflict(desk, theirs, form))
    return await render(desk, form, asked_by(sent), said)


@router.post("")
async def add(desk: AtDesk, sent: CheckedForm) -> Response:
    """Save a new metric."""
    app_state, person, form = desk.app_state, desk.person, read(sent)
    try:
        wanted = validate_form(form)
        cell = read_cell(form.place)
        if cell is not None:
            await run_in_threadpool(app_state.card_placements.check, person.account, cell)
        metric = await app_state.metrics.metrics.add(
            person.actor,
            wanted.source,
            wanted.name,
            wanted.definition,
            display=wanted.display,
            workspace=(await _workspace(app_state, person, form.workspace)).id,
        )
    except MetricsError as error:
        said = await not_fitting(desk, form, error)
        return await render(desk, form, asked_by(sent), said)
    if cell is None:
        return moved(desk.request, f"/metrics?saved={metric.id}")
    await run_in_threadpool(
        app_state.card_placements.place, person.account, cell, metric.id, metric.display
    )
    app_state.live_updates.nudge(person.account, cell.map)
    return moved(desk.request, f"/maps/{cell.map}/edit#{cell.lane}-{cell.stage}")


@router.post("/{metric_id}/edit")
async def save(desk: AtDesk, sent: CheckedForm, metric_id: str) -> Response:
    """Save a changed metric, unless someone else changed it in the meantime."""
    app_state, person = desk.app_state, desk.person
    form = replace(read(sent), metric=metric_id)
    over = sent.get("over", "")
    form = replace(form, version=over if isinstance(over, str) and over else form.version)
    try:
        wanted = validate_form(form)
        await app_state.metrics.metrics.edit(
            person.actor,
            metric_id,
            name=wanted.name,
            connection_id=wanted.source,
            definition=wanted.definition,
            display=wanted.display,
            version=_version(form),
        )
    except MetricsError as error:
        said = await not_fitting(desk, form, error)
        theirs = await app_state.metrics.metrics.show(person.actor, metric_id)
        if isinstance(error, EditConflict):
            said = FormMessage(conflict=await _conflict(desk, theirs, form), status=409)
        return await render(desk, form, asked_by(sent), said)
    return moved(desk.request, f"/metrics?saved={metric_id}")


def read_cell(place: str) -> Cell | None:
    """Return the cell of the ``place`` of a form; ``None`` if it has none."""
    parts = place.split()
    return Cell(*parts) if len(parts) == len(Cell._fields) else None


def asked_by(sent: FormData) -> FormRequest:
    """Return the actions on the form itself."""
    shown = sent.get("shown", "")
    count = whole(shown) if isinstance(shown, str) else None
    before = sent.get(QUESTION_BEFORE, "")
    # The list of surveys stays open until another survey is chosen.
    undecided = "picking" in sent and sent.get("survey") == sent.get("survey_was")
    return FormRequest(
        picking="use_survey" not in sent and (undecided or not PICKING.isdisjoint(sent)),
        shown=min(max(count or 0, SURVEYS_SHOWN), MOST_SURVEYS),
        reload="reload" in sent,
        question_before=before if isinstance(before, str) else "",
    )


async def not_fitting(
    desk: FormPage, form: MetricForm, error: MetricsError, title: str = "Not saved"
) -> FormMessage:
    """Return the messages of an error: at the fields that it names, or else above the form."""
    source = await source_title(desk, form)
    problem = problem_for(desk.person.role, error.to_problem(), source)
    fields = {"question_id": "question"}
    problems = {fields.get(one.name, one.name): one.message for one in problem.fields}
    if isinstance(error, FormInvalid):
        problems = dict(error.problems)
    return FormMessage(problem=problem, title=title, problems=problems, status=status_of(error))


async def source_title(desk: FormPage, form: MetricForm) -> str:
    """Return the title of the source of a form for messages."""
    connections = await desk.app_state.metrics.connections.list(desk.person.actor)
    for one in connections:
        if form.source in {one.id, one.source}:
            return one.title
    if form.metric:
        metric = await desk.app_state.metrics.metrics.show(desk.person.actor, form.metric)
        return title_of(metric.source)
    return title_of(form.source)


async def render(
    desk: FormPage,
    form: MetricForm,
    asked: FormRequest = NOTHING_ASKED,
    said: FormMessage = NOTHING_SAID,
) -> Response:
    """Show a form directly or, if the survey tool is slow, as the outcome of a job.

    A browser gets a page; a script that requests a fragment gets only the form.

    Args:
        desk: The request and the person.
        form: The values of the form.
        asked: The actions on the form.
        said: The messages to show.
    """
    app_state, person = desk.app_state, desk.person
    metric = (
        await app_state.metrics.metrics.show(person.actor, form.metric) if form.metric else None
    )
    gathering = asyncio.ensure_future(
        load_form_context(app_state.metrics, person.actor, form, asked, metric)
    )
    done, _ = await asyncio.wait({gathering}, timeout=PATIENCE_SECONDS)
    if done:
        return await _shown(desk, gathering.result(), metric, said)
    aside = PutAside(
        form, said.problem, said.problems, app_state.drafts.preview(person, form.preview)
    )
    location = f"/metrics/drafts/{app_state.drafts.put(person, aside)}"

    async def work(_job: Job) -> JobResult:
        await asyncio.shield(gathering)
        return JobResult(location)

    title = "Loading from the survey tool"
    try:
        source = await source_title(desk, form)
        job = app_state.jobs.start(person, title, work, source=source, back=location)
    except TooManyJobs:
        gathering.cancel()
        raise
    return started(desk.request, job)


async def _shown(
    desk: FormPage, offer: FormContext, metric: Metric | None, said: FormMessage
) -> Response:
    app_state, person = desk.app_state, desk.person
    alone = bool(fragment_of(desk.request))
    account = await app_state.metrics.accounts.show(person.actor)
    workspaces = await run_in_threadpool(app_state.people.workspaces, person.account)
    definition = definition_of(offer.form)
    kept = app_state.drafts.preview(person, offer.form.preview)
    if kept is not None and not alone:
        # Without scripts, the server draws the chart with the current display settings.
        draft = app_state.drafts.put(person, PutAside(offer.form, preview=kept))
        offer = replace(offer, form=replace(offer.form, preview=draft))
    preview = None
    if kept is not None:
        preview = await run_in_threadpool(
            preview_view, kept, offer.form, definition, app_state.result_renderer, account.zone
        )
    problems = {**offer.problems, **said.problems}
    return app_state.templates.page(
        desk.request,
        "metric_form.html" if alone else "metric_form_page.html",
        status=said.status,
        offer=offer,
        view=view_of(
            offer,
            problems,
            account.zone,
            metric,
            same_name=await _has_twin(app_state, person, offer.form),
        ),
        preview=preview,
        due=preview_digest(offer.form) if offer.options else "",
        problem=said.problem,
        problem_title=said.title,
        problems=problems,
        conflict=said.conflict,
        workspaces={one.id: one.name for one in workspaces},
        manual=await app_state.upload_storage.is_available(),
        redefined=bool(
            metric
            and definition
            and (metric.connection_id, metric.definition) != (offer.form.source, definition)
        ),
        types=TYPES,
        excluded=EXCLUDED,
        compared=COMPARED,
    )


async def _has_twin(app_state: AppState, person: Person, form: MetricForm) -> bool:
    """Whether another metric of the account has the name of a form, ignoring case."""
    name = form.name.casefold()
    if not name:
        return False
    # Called after each choice in the form, so it does not read the definitions of all metrics.
    page = await app_state.metrics.metrics.page(person.actor, search=form.name, limit=None)
    return any(one.name.casefold() == name and one.id != form.metric for one in page.metrics)


async def _conflict(desk: FormPage, theirs: Metric, form: MetricForm) -> Conflict:
    own, (display, _) = definition_of(form) or theirs.definition, display_of(form)
    try:
        survey = await desk.app_state.metrics.catalog.questionnaire(
            desk.person.actor, theirs.connection_id, own.survey_id
        )
    except MetricsError:
        survey = None  # Questions are then shown by ID.
    return Conflict(theirs, definition_differences(theirs, form.name, own, display, survey))


async def _workspace(app_state: AppState, person: Person, wanted: str) -> Workspace:
    """Return the workspace of a new metric, by default the first one of the account.

    Raises:
        NotFound: The account has no such workspace.
    """
    workspaces = await run_in_threadpool(app_state.people.workspaces, person.account)
    for one in workspaces:
        if wanted in {"", one.id}:
            return one
    raise NotFound("This workspace does not exist.", remedy="Choose a workspace from the list.")


def _version(form: MetricForm) -> int:
    version = whole(form.version)
    if not version:
        raise InputError("The form has no version.", remedy="Open the form again.")
    return version
