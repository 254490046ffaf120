"""What a metric's form may offer at this moment: asked of the framework's catalog."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import DateRange, MetricsError, MetricType, QuestionUnavailable
from smaply_metrics_host.metric_form.selection import adjust_selection, suggestion
from smaply_metrics_host.metric_form.validation import Problems, draft_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smaply_metrics_core.host import (
        Actor,
        AsyncMetricsHost,
        FieldProblem,
        KnownQuestion,
        Metric,
        MetricOptions,
        Problem,
        Questionnaire,
        SurveyPage,
        Window,
    )
    from smaply_metrics_host.metric_form.form_data import MetricForm

SURVEYS_SHOWN: Final = 50
CSV: Final = "csv_example"
"""The source that reads uploaded files."""
MANUAL: Final = "manual"
"""In the list of sources: upload a file first."""


@dataclass(frozen=True)
class FormRequest:
    """What a person asks of the form itself, beside filling it.

    Attributes:
        picking: Show the surveys although one is chosen.
        shown: How many of them.
        reload: Ask the survey tool again although its answers are kept.
        question_before: The question that the form was made for.
    """

    picking: bool = False
    shown: int = SURVEYS_SHOWN
    reload: bool = False
    question_before: str = ""


@dataclass(frozen=True)
class FormContext:
    """A form with what it may offer.

    Attributes:
        form: With what goes together alone.
        cleared: The fields that were changed for that.
        sources: By id, the sources that can be chosen, with their titles.
        surveys: Those to choose from; None when one is chosen and nobody looks for another.
        questionnaire: The chosen survey; None when there is none, or it cannot be read.
        windows: The dates covered, and for a Comparison those before; empty while unknown.
        problem: What keeps the source from answering.
        problems: By field, what does not fit.
        successor: The question, or group by, that took the place of one that was deleted.
    """

    form: MetricForm
    sources: dict[str, str]
    cleared: tuple[str, ...] = ()
    surveys: SurveyPage | None = None
    questionnaire: Questionnaire | None = None
    options: MetricOptions | None = None
    windows: tuple[Window, ...] = ()
    problem: Problem | None = None
    problems: Problems = field(default_factory=dict)
    successor: FieldProblem | None = None


async def load_form_context(
    metrics: AsyncMetricsHost,
    actor: Actor,
    form: MetricForm,
    asked: FormRequest,
    metric: Metric | None = None,
) -> FormContext:
    """Ask for everything that a form shows; what cannot be had is said in the offer.

    Args:
        metrics: The framework.
        actor: An Editor or Admin.
        form: What is chosen so far.
        asked: What is asked of the form.
        metric: The one that is edited.
    """
    sources = await _sources(metrics, actor)
    if not form.source and len(sources) == 1:
        form = replace(form, source=next(iter(sources)))
    draft, problems = draft_of(form)
    windows = await _windows(metrics, actor, draft.range or DateRange(), draft.type)
    offer = FormContext(form, sources, windows=windows, problems=problems)
    if form.source in {"", MANUAL}:
        return offer
    try:
        if not form.survey or asked.picking:
            surveys = await metrics.catalog.surveys(
                actor, form.source, search=form.search, limit=asked.shown, reload=asked.reload
            )
            offer = replace(offer, surveys=surveys)
        if form.survey:
            survey = await metrics.catalog.questionnaire(
                actor, form.source, form.survey, reload=asked.reload
            )
            known = metric.questions if metric else {}
            offer = await _with_options(metrics, offer, survey, asked, known)
            draft, _ = draft_of(offer.form)
            covered = await _windows(metrics, actor, draft.range or DateRange(), draft.type)
            offer = replace(offer, windows=covered)
    except MetricsError as error:
        return replace(offer, problem=error.to_problem())
    return offer


async def _with_options(
    metrics: AsyncMetricsHost,
    offer: FormContext,
    survey: Questionnaire,
    asked: FormRequest,
    known: Mapping[str, KnownQuestion],
) -> FormContext:
    """Narrow each list by the others. A deleted question stays, named, until another is chosen."""
    form, gone = offer.form, _gone(offer.form, survey, known)
    successor = None
    part = ""
    if gone is not None:
        part, error = gone
        offer = replace(offer, problems={**offer.problems, part: f"{error.message} {error.remedy}"})
        successor = next(iter(error.fields), None)
    if part == "question":
        # What goes with its successor is kept for it.
        form = replace(form, question=(successor and successor.suggestion) or "")
    options = await metrics.catalog.options(survey, draft_of(form)[0])
    suggested = suggestion(
        adjust_selection(form, options.draft).form, options, asked.question_before
    )
    if suggested:
        form = replace(form, calculation=suggested)
        options = await metrics.catalog.options(survey, draft_of(form)[0])
    fitting, cleared = adjust_selection(form, options.draft)
    if part == "question":
        fitting = replace(fitting, question=offer.form.question)
    elif part == "group_by":
        fitting = replace(fitting, group_by=offer.form.group_by)
    return replace(
        offer,
        form=fitting,
        cleared=tuple(one for one in cleared if one != part),
        questionnaire=survey,
        options=options,
        successor=successor,
    )


def _gone(
    form: MetricForm, survey: Questionnaire, known: Mapping[str, KnownQuestion]
) -> tuple[str, QuestionUnavailable] | None:
    """Find the first part that names a question which the survey has no more."""
    there = {question.id for question in survey.walk()}
    kind, _, of = form.group_by.partition(":")
    named = (("question", form.question), ("group_by", of if kind == "question" else ""))
    for part, question in named:
        if question and question not in there:
            if question in known:
                field = "question_id" if part == "question" else part
                return part, survey.deleted(question, known[question], field)
            return part, QuestionUnavailable(
                f"The survey has no question {question}.", remedy="Choose another one."
            )
    return None


async def _sources(metrics: AsyncMetricsHost, actor: Actor) -> dict[str, str]:
    return {one.source: one.title for one in await metrics.connections.list(actor)}


async def _windows(
    metrics: AsyncMetricsHost, actor: Actor, dates: DateRange, kind: MetricType | None
) -> tuple[Window, ...]:
    try:
        return await metrics.catalog.windows(actor, dates, comparison=kind is MetricType.COMPARISON)
    except MetricsError:
        return ()  # What is wrong with the range is said where it is chosen.
