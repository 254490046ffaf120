"""Validates the form and converts it to a definition and display settings."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from smaply_metrics_core.host import (
    ROLLING,
    Calculation,
    ChartType,
    ComparedPeriod,
    DateRange,
    Definition,
    DefinitionInvalid,
    Display,
    ExclusionReason,
    FieldProblem,
    Filter,
    GroupBy,
    InputError,
    IntervalVisibility,
    MetricDraft,
    MetricType,
    Problem,
    QueryInvalid,
    Weight,
)
from smaply_metrics_host.metric_form.form_data import DAY
from smaply_metrics_host.web.forms import whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from smaply_metrics_host.metric_form.form_data import MetricForm

    Kind = TypeVar("Kind", bound=StrEnum)

LONGEST_NAME: Final = 300
LONGEST_HEADING: Final = 300
LONGEST_AFFIX: Final = 20
CUSTOM: Final = "custom"
DIGEST_LENGTH: Final = 16

Problems = dict[str, str]
"""Validation messages by field."""


class FormInvalid(InputError):
    """A metric form with invalid fields, named in ``fields``."""

    kind = "form_invalid"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("Some fields are not valid.", remedy="Correct the fields marked below.")
        self.problems = problems

    def to_problem(self) -> Problem:
        """Return the problem with the message of each field."""
        fields = tuple(FieldProblem(name=key, message=text) for key, text in self.problems.items())
        return super().to_problem().model_copy(update={"fields": fields})


@dataclass(frozen=True)
class ValidatedForm:
    """A form with valid fields; the framework checks whether they fit together."""

    name: str
    source: str
    definition: Definition
    display: Display


def draft_of(form: MetricForm) -> tuple[MetricDraft, Problems]:
    """Return the definition so far; invalid fields are omitted and reported."""
    problems: Problems = {}
    is_net = form.calculation == Calculation.NET_SCORE
    draft = MetricDraft(
        type=_one_of(MetricType, form.type),
        question_id=form.question or None,
        calculation=_one_of(Calculation, form.calculation),
        answers=form.answers if form.calculation == Calculation.SHARE else (),
        group_by=_group_by(form, problems),
        range=_range(form, problems),
        filters=tuple(_filters(form, problems)),
        include=frozenset(one for one in ExclusionReason if one in form.include),
        reverse_scale=form.reverse_scale,
        weight=_weight(form, problems),
        compare_groups=_compares_groups(form),
        compare_with=_compared(form),
        rolling=_rolling(form, problems),
        top_answers=form.top_answers if is_net else (),
        bottom_answers=form.bottom_answers if is_net else (),
    )
    return draft, problems


def display_of(form: MetricForm) -> tuple[Display, Problems]:
    """Return the display settings; invalid fields are omitted and reported."""
    problems: Problems = {}
    for name, longest in (
        ("heading", LONGEST_HEADING),
        ("subheading", LONGEST_HEADING),
        ("prefix", LONGEST_AFFIX),
        ("suffix", LONGEST_AFFIX),
    ):
        if len(getattr(form, name)) > longest:
            problems[name] = f"Use up to {longest} characters."
    display = Display(
        chart=_one_of(ChartType, form.chart),
        heading=form.heading,
        subheading=form.subheading,
        target=_number(form.target, problems),
        prefix=form.prefix,
        suffix=form.suffix,
        reverse_colors=form.reverse_colors,
        latest_as_headline=form.latest_as_headline,
        start_at_zero=form.start_at_zero,
        titles_on_right=form.titles_on_right,
        intervals=_one_of(IntervalVisibility, form.intervals) or IntervalVisibility.AUTOMATIC,
    )
    return display, problems


def validate_form(form: MetricForm, *, to_save: bool = True) -> ValidatedForm:
    """Return the validated form.

    Args:
        form: The submitted form.
        to_save: Whether a name is required, as it is for saving but not for a preview.

    Raises:
        FormInvalid: Fields are missing or invalid; the error names all of them.
    """
    draft, problems = draft_of(form)
    display, shown = display_of(form)
    found = {**_missing(form, draft, to_save=to_save), **problems, **shown}
    if found:
        raise FormInvalid(found)
    return ValidatedForm(form.name, form.source, draft.definition(form.survey), display)


def preview_digest(form: MetricForm) -> str:
    """Return a digest of what a preview would calculate; empty while something is missing."""
    try:
        wanted = validate_form(form, to_save=False)
    except FormInvalid:
        return ""
    content = f"{wanted.source}\n{wanted.definition.model_dump_json()}"
    return hashlib.sha256(content.encode()).hexdigest()[:DIGEST_LENGTH]


def definition_of(form: MetricForm) -> Definition | None:
    """Return the definition of the form; ``None`` while it is incomplete."""
    draft, problems = draft_of(form)
    if problems or draft.calculation is None or draft.range is None:
        return None
    return draft.definition(form.survey)


def _missing(form: MetricForm, draft: MetricDraft, *, to_save: bool) -> Problems:
    problems: Problems = {}
    if to_save and not 1 <= len(form.name) <= LONGEST_NAME:
        problems["name"] = f"Enter a name with 1 to {LONGEST_NAME} characters."
    if not form.source:
        problems["source"] = "Choose a source."
    elif not form.survey:
        problems["survey"] = "Choose a survey."
    elif draft.calculation is None:
        problems["calculation"] = "Choose a calculation."
    return {**problems, **_unfinished(form, draft)}


def _unfinished(form: MetricForm, draft: MetricDraft) -> Problems:
    """Return messages for fields that other choices require and that are empty."""
    problems: Problems = {}
    by_answer = draft.group_by is not None and draft.group_by.kind == "answer"
    if draft.calculation is Calculation.SHARE and not (draft.answers or by_answer):
        problems["answers"] = "Choose at least one answer to count."
    if draft.calculation is Calculation.NET_SCORE:
        problems |= _missing_sides(draft)
    several = draft.calculation in {None, Calculation.DISTRIBUTION}
    if draft.type is MetricType.SERIES and not form.group_by and not several:
        problems["group_by"] = "Choose a grouping."
    given = [day for day in (form.first, form.last) if day]
    compared = draft.type is MetricType.COMPARISON or draft.compare_groups
    if form.range == CUSTOM and len(given) < 1 + compared:
        either = "Enter the first day, the last day, or both."
        problems["first"] = "A comparison needs both days." if compared else either
    for number, row in enumerate(form.filters):
        if row.of and not row.values:
            problems[f"filter-{number}"] = "Choose at least one value, or remove the filter."
    return problems


def _missing_sides(draft: MetricDraft) -> Problems:
    sides = (("top_answers", draft.top_answers), ("bottom_answers", draft.bottom_answers))
    missing = {side: "Choose at least one answer." for side, keys in sides if not keys}
    if set(draft.top_answers) & set(draft.bottom_answers):
        missing["bottom_answers"] = "Choose answers that are not top answers."
    return missing


def _group_by(form: MetricForm, problems: Problems) -> GroupBy | None:
    if not form.group_by:
        return None
    try:
        return GroupBy.parse(form.group_by)
    except QueryInvalid as error:
        problems["group_by"] = error.message
        return None


def _weight(form: MetricForm, problems: Problems) -> Weight | None:
    try:
        return Weight.parse(form.weight) if form.weight else None
    except QueryInvalid as error:
        problems["weight"] = error.message
        return None


def _rolling(form: MetricForm, problems: Problems) -> int | None:
    if not (
        form.rolling and form.type == MetricType.SERIES and form.group_by.startswith("period:")
    ):
        return None
    length = whole(form.rolling)
    if length is None or length not in ROLLING:
        problems["rolling"] = f"Enter a whole number from {ROLLING[0]} to {ROLLING[-1]}."
        return None
    return length


def _compares_groups(form: MetricForm) -> bool:
    by_period = form.group_by.startswith("period:")
    return form.compare_groups and form.type == MetricType.SERIES and not by_period


def _compared(form: MetricForm) -> ComparedPeriod:
    chosen = _one_of(ComparedPeriod, form.compare_with)
    compares = form.type == MetricType.COMPARISON or _compares_groups(form)
    return chosen if chosen and compares else ComparedPeriod.PREVIOUS_PERIOD


def _range(form: MetricForm, problems: Problems) -> DateRange | None:
    if form.range == CUSTOM:
        return _custom(form, problems)
    try:
        return DateRange(preset=form.range)
    except DefinitionInvalid:
        problems["range"] = "Choose a date range from the list."
        return None


def _custom(form: MetricForm, problems: Problems) -> DateRange | None:
    first, last = _day("first", form.first, problems), _day("last", form.last, problems)
    if problems.keys() & {"first", "last"} or not (first or last):
        return None
    if first and last and last < first:
        problems["last"] = "The last day is before the first day."
        return None
    try:
        return DateRange(preset=CUSTOM, start=first, end=last + DAY if last else None)
    except (DefinitionInvalid, OverflowError):
        problems["first"] = "Use dates between 1900 and 2199."
        return None


def _day(name: str, text: str, problems: Problems) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        problems[name] = "Enter a date, such as 2026-01-31."
        return None


def _filters(form: MetricForm, problems: Problems) -> Iterator[Filter]:
    for number, row in enumerate(form.filters):
        kind, _, of = row.of.partition(":")
        if not (of and row.values):
            continue  # A new, empty row.
        try:
            yield Filter.model_validate(
                {"kind": kind, "of": of, "values": row.values, "exclude": row.exclude}
            )
        except ValidationError:
            problems[f"filter-{number}"] = "Choose a question or field from the list."


def _number(text: str, problems: Problems) -> float | None:
    if not text:
        return None
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        problems["target"] = "Enter a number, such as 4.5."
        return None
    return number


def _one_of(kind: type[Kind], text: str) -> Kind | None:
    return kind(text) if text in set(kind) else None
