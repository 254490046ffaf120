"""The values of the metric form, unvalidated, from a request or a metric."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from smaply_metrics_host.web.forms import whole

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from smaply_metrics_core.host import Filter, Metric

MOST_FILTERS: Final = 20
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class FilterRow:
    """A filter.

    Attributes:
        of: The question or field, in the format of a group-by: ``question:ID`` or ``field:NAME``.
        exclude: Whether it excludes the values.
        values: The chosen values.
        found: The values of the field that were found in the data; empty until they are listed.
        search: The search text for questions and fields.
    """

    of: str = ""
    exclude: bool = False
    values: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    search: str = ""


@dataclass(frozen=True)
class MetricForm:
    """The values of all fields as text, unvalidated.

    Attributes:
        metric: The id of the metric being edited; empty for a new one.
        version: The version of the metric when the form was opened.
        search: The search text for surveys.
        question_search: The search text for questions.
        group_by_search: The search text for group-bys.
        weight_search: The search text for weights.
        first: The first day of a custom range.
        last: The last day of a custom range, inclusive.
        preview: The id of the draft with the preview.
        place: The map, lane and stage of the card to place, separated by spaces; may be empty.
    """

    metric: str = ""
    version: str = ""
    workspace: str = ""
    name: str = ""
    source: str = ""
    type: str = "number"
    survey: str = ""
    search: str = ""
    question: str = ""
    question_search: str = ""
    group_by: str = ""
    group_by_search: str = ""
    calculation: str = ""
    rolling: str = ""
    compare_groups: bool = False
    compare_with: str = "previous_period"
    answers: tuple[str, ...] = ()
    top_answers: tuple[str, ...] = ()
    bottom_answers: tuple[str, ...] = ()
    range: str = "all_time"
    first: str = ""
    last: str = ""
    filters: tuple[FilterRow, ...] = ()
    include: tuple[str, ...] = ()
    reverse_scale: bool = False
    weight: str = ""
    weight_search: str = ""
    chart: str = ""
    heading: str = ""
    subheading: str = ""
    target: str = ""
    prefix: str = ""
    suffix: str = ""
    reverse_colors: bool = False
    latest_as_headline: bool = False
    start_at_zero: bool = False
    titles_on_right: bool = False
    intervals: str = ""
    preview: str = ""
    place: str = ""


_PLAIN: Final = {field.name: field.default for field in fields(MetricForm)}
SPACED: Final = frozenset({"prefix", "suffix"})
"""Fields with significant spaces, such as “ pts”."""
ADD_FILTER: Final = "add_filter"
REMOVE_FILTER: Final = "remove_filter"
FIND_VALUES: Final = "find_values"
"""The button that lists the values of a field; its value is the number of the filter."""
USE_QUESTION: Final = "use_question"
USE_GROUP_BY: Final = "use_group_by"
QUESTION_BEFORE: Final = "question_was"
"""The hidden field with the question that the form was rendered for."""


def read(sent: FormData) -> MetricForm:
    """Return the submitted form, with a filter added or removed if requested."""
    values: dict[str, object] = {}
    for name, plain in _PLAIN.items():
        if isinstance(plain, bool):
            values[name] = name in sent
        elif isinstance(plain, str):
            values[name] = _text(sent, name, trim=name not in SPACED) if name in sent else plain
    form = MetricForm(**values)  # type: ignore[arg-type]  # Each is of its default's type.
    form = replace(
        form,
        question=_text(sent, USE_QUESTION) or form.question,
        group_by=_text(sent, USE_GROUP_BY) or form.group_by,
        answers=_keys(sent, "answers"),
        top_answers=_keys(sent, "top_answers"),
        bottom_answers=_keys(sent, "bottom_answers"),
        include=_texts(sent, "include"),
        filters=_filters(sent),
    )
    # Clear what depends on a choice that was changed. The other connections of an existing metric
    # have the same source, so they may have the same survey.
    if not form.metric and not _stayed(sent, "source_was", form.source):
        form = replace(form, survey="", search="")
    if not _stayed(sent, "survey_was", form.survey):
        form = replace(form, question="", question_search="", weight="", filters=())
        form = replace(form, group_by_search="", weight_search="")
        form = replace(form, group_by=_anywhere(form.group_by))
    if not _stayed(sent, QUESTION_BEFORE, form.question):
        form = replace(form, answers=(), top_answers=(), bottom_answers=())
    return form


def filled(metric: Metric) -> MetricForm:
    """Return the form of a metric, for editing."""
    definition, display = metric.definition, metric.display
    dates = definition.range
    return MetricForm(
        metric=metric.id,
        version=str(metric.version),
        workspace=metric.workspace,
        name=metric.name,
        source=metric.connection_id,
        type=definition.type.value,
        survey=definition.survey_id,
        question=definition.question_id or "",
        group_by=str(definition.group_by or ""),
        calculation=definition.calculation.value,
        answers=definition.answers,
        top_answers=definition.top_answers,
        bottom_answers=definition.bottom_answers,
        rolling=str(definition.rolling or ""),
        compare_groups=definition.compare_groups,
        compare_with=definition.compare_with.value,
        range=dates.preset,
        first=dates.start.isoformat() if dates.start else "",
        last=(dates.end - DAY).isoformat() if dates.end else "",
        filters=tuple(_row(one) for one in definition.filters),
        include=tuple(sorted(definition.include)),
        reverse_scale=definition.reverse_scale,
        weight=str(definition.weight or ""),
        chart=display.chart.value if display.chart else "",
        heading=display.heading,
        subheading=display.subheading,
        target="" if display.target is None else f"{display.target:.15g}",
        prefix=display.prefix,
        suffix=display.suffix,
        reverse_colors=display.reverse_colors,
        latest_as_headline=display.latest_as_headline,
        start_at_zero=display.start_at_zero,
        titles_on_right=display.titles_on_right,
        intervals=display.intervals.value,
    )


def _anywhere(group_by: str) -> str:
    """Return a group-by that fits every survey; empty for any other."""
    return group_by if group_by.startswith("period:") else ""


def _row(one: Filter) -> FilterRow:
    return FilterRow(f"{one.kind}:{one.of}", one.exclude, one.values)


def _filters(sent: FormData) -> tuple[FilterRow, ...]:
    rows = []
    for number in range(MOST_FILTERS):
        name = f"filter-{number}"
        if f"{name}-of" not in sent:
            break
        of = _text(sent, f"{name}-of")
        values = (*_texts(sent, f"{name}-value"), *_split(_text(sent, f"{name}-typed"), "\n"))
        found = _split(_text(sent, f"{name}-found"), "\n")
        if not _stayed(sent, f"{name}-was", of):
            values = found = ()
        exclude = _text(sent, f"{name}-mode") == "exclude"
        rows.append(FilterRow(of, exclude, values, found, _text(sent, f"{name}-search")))
    gone = whole(_text(sent, REMOVE_FILTER))
    if gone is not None and gone < len(rows):
        del rows[gone]
    if ADD_FILTER in sent and len(rows) < MOST_FILTERS:
        rows.append(FilterRow())
    return tuple(rows)


def _stayed(sent: FormData, before: str, now: str) -> bool:
    """Whether a choice is the one that the form was rendered for."""
    return before not in sent or _text(sent, before) == now


def _text(sent: FormData, name: str, *, trim: bool = True) -> str:
    value = sent.get(name, "")
    if not isinstance(value, str):
        return ""  # A file instead of text.
    text = value.replace("\0", "")
    return text.strip() if trim else text


def _texts(sent: FormData, name: str) -> tuple[str, ...]:
    found = (one.strip() for one in sent.getlist(name) if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in found if one))


def _keys(sent: FormData, part: str) -> tuple[str, ...]:
    """Return keys of answers, chosen or typed."""
    return (*_texts(sent, part), *_split(_text(sent, f"typed_{part}"), ","))


def _split(text: str, by: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.strip() for one in text.split(by) if one.strip()))
