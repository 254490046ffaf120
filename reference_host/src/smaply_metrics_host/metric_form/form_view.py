"""The template data of the metric form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_core import charts
from smaply_metrics_core.host import (
    CALCULATIONS,
    PRESETS,
    ChartType,
    ComparedPeriod,
    ExclusionReason,
    MetricType,
)
from smaply_metrics_host.metric_form.narrowed_list import (
    NarrowedList,
    SearchedOption,
    narrowed_list,
)
from smaply_metrics_host.metric_form.question_list import QuestionList, question_list
from smaply_metrics_host.metric_form.validation import CUSTOM, draft_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smaply_metrics_core.host import FormOption, Metric, Question, Questionnaire
    from smaply_metrics_host.metric_form.form_context import FormContext
    from smaply_metrics_host.metric_form.form_data import FilterRow, MetricForm

TYPES: Final = (
    (MetricType.NUMBER, "Number", "One value."),
    (MetricType.SERIES, "Series", "A value for each group, such as each month."),
    (MetricType.COMPARISON, "Comparison", "One value compared with an earlier period."),
)
COMPARED: Final = (
    (ComparedPeriod.PREVIOUS_PERIOD, "Previous period"),
    (ComparedPeriod.SAME_PERIOD_LAST_YEAR, "Same period last year"),
)
EXCLUDED: Final = (
    (ExclusionReason.UNFINISHED, "Unfinished responses"),
    (ExclusionReason.PREVIEW, "Survey previews"),
    (ExclusionReason.TEST, "Test responses"),
    (ExclusionReason.SPAM, "Spam"),
)
GROUPS: Final = (
    ("answer", "Answers"),
    ("row", "Rows"),
    ("period", "Time"),
    ("question", "Questions"),
    ("field", "Embedded fields"),
)
FIELDS: Final = {
    "name": "Name",
    "source": "Source",
    "survey": "Survey",
    "question": "Question",
    "group_by": "Group by",
    "calculation": "Calculation",
    "answers": "Answers that count",
    "top_answers": "Top answers",
    "bottom_answers": "Bottom answers",
    "rolling": "Rolling window",
    "range": "Date range",
    "first": "First day",
    "last": "Last day",
    "reverse_scale": "Reversed scale",
    "weight": "Weight",
    "target": "Target",
    "heading": "Heading",
    "subheading": "Subheading",
    "prefix": "Prefix",
    "suffix": "Suffix",
    "file": "File",
}
"""The labels of the fields that are validated."""
LONGEST_ID: Final = 100
DRAWN: Final = frozenset(
    {
        ChartType.BAR,
        ChartType.HORIZONTAL_BAR,
        ChartType.PIE,
        ChartType.LINE,
        ChartType.BAR_COMPARISON,
    }
)
WITH_INTERVALS: Final = DRAWN - {ChartType.PIE}


class Entry(NamedTuple):
    """A list entry; ``refused`` says why it is unavailable, or is empty."""

    value: str
    label: str
    refused: str = ""


class Link(NamedTuple):
    """A link to a field with its validation message."""

    anchor: str
    label: str
    problem: str


class Tick(NamedTuple):
    """A checkbox."""

    value: str
    label: str
    ticked: bool


@dataclass(frozen=True)
class FilterView:
    """A filter in the form.

    Attributes:
        choices: The answers or values to choose from; empty where values are typed, one per line.
        found: The values that were found in the data, one per line.
        listable: Whether the values can be listed.
        unknown: Whether its question or field is missing from the survey.
        offered: The questions and fields to filter by.
    """

    of: str
    exclude: bool
    typed: str
    choices: tuple[Tick, ...]
    found: str
    listable: bool
    unknown: bool
    offered: NarrowedList


@dataclass(frozen=True)
class FormView:
    """The lists and texts of a form.

    Attributes:
        by_id: A searched survey ID that is not in the list; empty if there is none.
        gone_question: The text of the chosen question if it was deleted.
        questions: The questions to choose from; ``None`` while they are unknown.
        note: The note on the chosen question.
        calculation: The title of the chosen calculation.
        meaning: Its description.
        group_by: The chosen group-by as text.
        covered: The covered dates, and the previous ones for a Comparison.
        cleared: The labels of the fields that were changed.
        to_correct: The fields with validation messages.
        known: The stored texts of the metric's questions by id.
        hidden_fields: The display settings that do not affect the chosen chart.
        same_name: Whether another metric of the account has the name.
    """

    by_id: str
    gone_question: str
    questions: QuestionList | None
    note: str
    calculation: str
    meaning: str
    group_by: str
    group_bys: NarrowedList
    weights: NarrowedList
    ranges: tuple[Entry, ...]
    covered: tuple[str, ...]
    filters: tuple[FilterView, ...]
    charts: tuple[Entry, ...]
    cleared: str
    to_correct: tuple[Link, ...]
    known: dict[str, str]
    hidden_fields: frozenset[str]
    same_name: bool


def view_of(
    offer: FormContext,
    problems: Mapping[str, str],
    zone: str,
    metric: Metric | None,
    *,
    same_name: bool = False,
) -> FormView:
    """Return the template data of a form.

    Args:
        offer: The form with its options.
        problems: Validation messages by field.
        zone: The account's time zone, for dates.
        metric: The metric being edited.
        same_name: Whether another metric of the account has the name.
    """
    form, options, survey = offer.form, offer.options, offer.questionnaire
    known = {key: one.text or one.name for key, one in (metric.questions if metric else {}).items()}
    asked = {one.id: one for one in survey.walk()} if survey else {}
    chosen = asked.get(form.question)
    gone = survey is not None and bool(form.question) and chosen is None
    gone_question = known.get(form.question, form.question) if gone else ""
    calculations = options.calculations if options else ()
    calculation = draft_of(form)[0].calculation
    filterable = tuple(_filterable(survey)) if survey and form.filters else ()
    return FormView(
        by_id=_by_id(offer),
        gone_question=gone_question,
        questions=question_list(form, options.questions, survey, gone_question, offer.answers)
        if options and survey
        else None,
        # The note on a matrix says to choose a row.
        note=chosen.note if chosen and form.group_by != "row" else "",
        calculation=CALCULATIONS[calculation].title if calculation else "",
        meaning=next((one.help for one in calculations if one.value == form.calculation), ""),
        group_by=_group_by_text(form.group_by, known),
        group_bys=narrowed_list(
            _grouped(options.group_bys, asked) if options else (),
            form.group_by_search,
            form.group_by,
        ),
        weights=narrowed_list(
            [("", [_entry(one, asked) for one in options.weights])] if options else (),
            form.weight_search,
            form.weight,
        ),
        ranges=_ranges(options.ranges if options else ()),
        covered=tuple(charts.date_range_text(window, zone) for window in offer.windows),
        filters=tuple(_filter(row, survey, asked, filterable) for row in form.filters),
        charts=chart_entries(form),
        hidden_fields=hidden_display_fields(form),
        same_name=same_name,
        cleared=", ".join(FIELDS[part] for part in offer.cleared),
        to_correct=tuple(
            Link(_anchor(name), _label(name), said) for name, said in problems.items()
        ),
        known=known,
    )


def _group_by_text(group_by: str, known: Mapping[str, str]) -> str:
    kind, _, of = group_by.partition(":")
    if kind == "question":
        return known.get(of) or of
    return of.capitalize() if kind == "period" else of or dict(GROUPS).get(kind, group_by)


def _label(field: str) -> str:
    kind, _, number = field.partition("-")
    return f"Filter {int(number) + 1}" if kind == "filter" else FIELDS.get(field, field)


def _anchor(field: str) -> str:
    """Return the element id of a field."""
    return f"{field}-of" if field.startswith("filter-") else f"mf-{field}"


def _by_id(offer: FormContext) -> str:
    """Return the search text as a survey ID: not every readable survey is listed."""
    sought, surveys = offer.form.search, offer.surveys
    could_be = 0 < len(sought) <= LONGEST_ID and not any(map(str.isspace, sought))
    return sought if surveys is not None and not surveys.matching and could_be else ""


def _grouped(
    options: tuple[FormOption, ...], asked: Mapping[str, Question]
) -> Iterator[tuple[str, list[SearchedOption]]]:
    for kind, label in GROUPS:
        found = [one for one in options if one.value.partition(":")[0] == kind]
        yield label, [_entry(one, asked) for one in found]


def _entry(option: FormOption, asked: Mapping[str, Question]) -> SearchedOption:
    """Return a group-by or a weight, which a search also finds by its ID or name."""
    kind, _, of = option.value.partition(":")
    question = asked.get(of) if kind == "question" else None
    return SearchedOption(
        option.value, option.label, option.refused, (of, question.name if question else "")
    )


def _ranges(offered: tuple[FormOption, ...]) -> tuple[Entry, ...]:
    if offered:
        return tuple(Entry(one.value, one.label, one.refused) for one in offered)
    presets = (Entry(one, one.replace("_", " ").capitalize()) for one in PRESETS)
    return (*presets, Entry(CUSTOM, "Custom dates"))


def _filter(
    row: FilterRow,
    survey: Questionnaire | None,
    asked: dict[str, Question],
    filterable: tuple[tuple[str, tuple[SearchedOption, ...]], ...],
) -> FilterView:
    kind, _, of = row.of.partition(":")
    question = asked.get(of) if kind == "question" else None
    offered = {one.key: one.label for one in question.choices} if question else {}
    if not question and row.found:
        offered = dict(zip(row.found, row.found, strict=True))
    fields = {one.name for one in survey.fields} if survey else set()
    there = question is not None or (kind == "field" and of in fields)
    # A chosen value that no longer exists stays visible, so that it can be removed.
    missing = "deleted" if question else "not found"
    gone = {one: f"{one} ({missing})" for one in row.values if offered and one not in offered}
    return FilterView(
        of=row.of,
        exclude=row.exclude,
        typed="\n".join(row.values),
        choices=tuple(
            Tick(value, label, value in row.values) for value, label in (gone | offered).items()
        )
        if offered
        else (),
        found="\n".join(row.found),
        listable=kind == "field" and there and not row.found,
        unknown=bool(row.of) and not there,
        offered=narrowed_list(filterable, row.search, row.of),
    )


def _filterable(survey: Questionnaire) -> Iterator[tuple[str, tuple[SearchedOption, ...]]]:
    """Yield the questions and fields to filter by, with rows grouped by question."""
    plain = [one for one in survey.questions if not one.sub_questions]
    yield "Questions", tuple(_question(one) for one in plain)
    for one in survey.questions:
        if one.sub_questions:
            heading = one.text or one.name
            yield heading, tuple(_question(row, heading) for row in one.sub_questions)
    yield (
        "Embedded fields",
        tuple(SearchedOption(f"field:{one.name}", one.label or one.name) for one in survey.fields),
    )


def _question(one: Question, heading: str = "") -> SearchedOption:
    found_by = (one.id, one.name, heading)
    return SearchedOption(f"question:{one.id}", one.text or one.name or one.id, found_by=found_by)


def chart_entries(form: MetricForm) -> tuple[Entry, ...]:
    """Return the chart types, the default one first."""
    draft, _ = draft_of(form)
    kind, calculation = draft.type or MetricType.NUMBER, draft.calculation
    if calculation is None:
        return ()
    fitting = charts.chart_types(kind, calculation, draft.group_by)
    others = (one for one in ChartType if one not in fitting)
    return (
        *(Entry(one, _name(one)) for one in fitting),
        *(
            Entry(
                one, _name(one), charts.unavailable_reason(one, kind, calculation, draft.group_by)
            )
            for one in others
        ),
    )


def hidden_display_fields(form: MetricForm) -> frozenset[str]:
    """Return the display settings that do not affect the chart of a form."""
    fitting = [one.value for one in chart_entries(form) if not one.refused]
    chart = form.chart if form.chart in fitting else next(iter(fitting), "")
    period = form.type == MetricType.SERIES and form.group_by.startswith("period:")
    shown = {
        "intervals": chart in WITH_INTERVALS,
        "latest_as_headline": period,
        "start_at_zero": chart == ChartType.LINE,
        "titles_on_right": chart in DRAWN,
    }
    return frozenset(name for name, applies in shown.items() if not applies)


def _name(chart: ChartType) -> str:
    return "Pie chart" if chart is ChartType.PIE else chart.replace("_", " ").capitalize()
