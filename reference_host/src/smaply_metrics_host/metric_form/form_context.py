"""The options of the metric form, from the framework's catalog."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import (
    DateRange,
    MetricsError,
    MetricType,
    NotFound,
    QuestionUnavailable,
)
from smaply_metrics_host.metric_form.selection import adjust_selection, suggestion
from smaply_metrics_host.metric_form.validation import Problems, draft_of
from smaply_metrics_host.rendering.templating import title_of
from smaply_metrics_host.web.reader_problem import problem_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smaply_metrics_core.host import (
        Actor,
        AnswerCounts,
        AsyncMetricsHost,
        FieldProblem,
        KnownQuestion,
        Metric,
        MetricDraft,
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
"""The entry in the list of sources for a file upload."""
REPLACED: Final = (
    "The suggested question seems to replace it; it has answers only from the time when it was "
    "added."
)


@dataclass(frozen=True)
class FormRequest:
    """The actions on the form itself.

    Attributes:
        picking: Show the list of surveys although one is chosen.
        shown: The number of surveys to show.
        reload: Bypass the cache of surveys and questionnaires.
        question_before: The question that the form was rendered for.
    """

    picking: bool = False
    shown: int = SURVEYS_SHOWN
    reload: bool = False
    question_before: str = ""


@dataclass(frozen=True)
class FormContext:
    """A form with its options.

    Attributes:
        form: The form, adjusted to the options.
        cleared: The fields that were changed by the adjustment.
        sources: The connections to choose from, by id; of an existing metric, those of its source.
        title: The connection of the form, or its source if the connection was deleted.
        surveys: The surveys to choose from; ``None`` while the list is closed.
        questionnaire: The chosen survey; ``None`` without one, or if it cannot be read.
        windows: The covered dates, and the previous ones for a Comparison; empty while unknown.
        problem: Why the source could not be read, as the person's role reads it.
        problems: Validation messages by field.
        successor: The question or group-by that replaces a deleted one.
        answers: The numbers of answers of the chosen survey; ``None`` without one.
    """

    form: MetricForm
    sources: dict[str, str]
    title: str = ""
    cleared: tuple[str, ...] = ()
    surveys: SurveyPage | None = None
    questionnaire: Questionnaire | None = None
    options: MetricOptions | None = None
    windows: tuple[Window, ...] = ()
    problem: Problem | None = None
    problems: Problems = field(default_factory=dict)
    successor: FieldProblem | None = None
    answers: AnswerCounts | None = None


async def load_form_context(
    metrics: AsyncMetricsHost,
    actor: Actor,
    form: MetricForm,
    asked: FormRequest,
    metric: Metric | None = None,
) -> FormContext:
    """Load the options of a form. An error of the source is returned as ``problem``.

    Args:
        metrics: The framework.
        actor: An Editor or Admin.
        form: The current choices.
        asked: The actions on the form.
        metric: The metric being edited.
    """
    views = [
        one
        for one in await metrics.connections.list(actor)
        if metric is None or one.source == metric.source
    ]
    sources = {one.id: one.label for one in views}
    if not form.source and len(sources) == 1:
        form = replace(form, source=next(iter(sources)))
    if form.source not in sources:
        form = await with_connection(metrics, actor, form)
    draft, problems = draft_of(form)
    windows = await _windows(metrics, actor, draft)
    source = metric.source if metric else form.source
    title = sources.get(form.source) or title_of(source)
    offer = FormContext(form, sources, title, windows=windows, problems=problems)
    if form.source in {"", MANUAL}:
        return offer
    try:
        if form.source not in sources:
            raise NotFound(  # Handled like an error of the source.
                f"This account is not connected to {title}."
                if not sources
                else "The connection of this metric was deleted.",
                remedy="An Admin can connect it under Account settings → Integrations."
                if not sources
                else "Choose another source.",
            )
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
            covered = await _windows(metrics, actor, draft)
            answers = await metrics.catalog.answer_counts(actor, form.source, survey)
            offer = replace(offer, windows=covered, answers=answers)
    except MetricsError as error:
        problem = problem_for(actor.role, error.to_problem(), title)
        return replace(offer, problem=problem)
    return offer


async def _with_options(
    metrics: AsyncMetricsHost,
    offer: FormContext,
    survey: Questionnaire,
    asked: FormRequest,
    known: Mapping[str, KnownQuestion],
) -> FormContext:
    """Add the options that fit together. A deleted question stays until another is chosen."""
    form, gone = offer.form, _gone(offer.form, survey, known)
    successor = None
    part = ""
    if gone is not None:
        part, error = gone
        successor = next(iter(error.fields), None)
        remedy = REPLACED if successor else "Choose another question."
        offer = replace(offer, problems={**offer.problems, part: f"{error.message} {remedy}"})
    if part == "question":
        # Choices that fit the successor are preserved.
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
    """Return the first field that names a deleted question, with the error."""
    there = {question.id for question in survey.walk()}
    kind, _, of = form.group_by.partition(":")
    named = (("question", form.question), ("group_by", of if kind == "question" else ""))
    for part, question in named:
        if question and question not in there:
            if question in known:
                field = "question_id" if part == "question" else part
                return part, survey.deleted(question, known[question], field)
            return part, QuestionUnavailable("The survey no longer has this question.")
    return None


async def with_connection(metrics: AsyncMetricsHost, actor: Actor, form: MetricForm) -> MetricForm:
    """Return the form with the id of its connection if it has the id of a source, as in a link."""
    if form.source in {"", MANUAL}:
        return form
    try:
        view = await metrics.connections.show(actor, form.source)
    except MetricsError:
        return form  # The problem is shown when the surveys are listed.
    return replace(form, source=view.id)


async def _windows(
    metrics: AsyncMetricsHost, actor: Actor, draft: MetricDraft
) -> tuple[Window, ...]:
    try:
        return await metrics.catalog.windows(
            actor,
            draft.range or DateRange(),
            comparison=draft.type is MetricType.COMPARISON or draft.compare_groups,
            compare_with=draft.compare_with,
        )
    except MetricsError:
        return ()  # The date fields show what is wrong with the range.
