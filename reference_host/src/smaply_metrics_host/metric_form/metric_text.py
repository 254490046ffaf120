"""A metric as text: its definition in one line, and each of its fields."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, NamedTuple

from smaply_metrics_core import charts
from smaply_metrics_core.host import CALCULATIONS, ComparedPeriod, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smaply_metrics_core.host import (
        DateRange,
        Definition,
        Display,
        Filter,
        GroupBy,
        Metric,
        Questionnaire,
        Weight,
    )

NONE = "none"


class FieldDifference(NamedTuple):
    """A field that two people changed differently."""

    part: str
    theirs: str
    own: str


def definition_text(metric: Metric) -> str:
    """Return the definition as text: ``NPS of “How likely …”, by month, last 28 days``."""
    definition, asked = metric.definition, _known(metric)
    parts = [CALCULATIONS[definition.calculation].title]
    if definition.question_id:
        parts[0] += f" of “{asked.get(definition.question_id, definition.question_id)}”"
    if definition.group_by:
        parts.append(f"by {_named(definition.group_by, asked)}")
    if definition.rolling:
        parts.append(f"rolling {definition.rolling} periods")
    if definition.weight:
        parts.append(f"weighted by {_named(definition.weight, asked)}")
    covered = dates(definition.range)
    parts.append(covered if definition.range.preset == "custom" else covered.lower())
    if definition.compare_groups or definition.compare_with is not ComparedPeriod.PREVIOUS_PERIOD:
        parts.append(f"compared with the {_plain(definition.compare_with)}")
    return ", ".join(parts)


def definition_differences(
    theirs: Metric,
    name: str,
    definition: Definition,
    display: Display,
    questionnaire: Questionnaire | None,
) -> tuple[FieldDifference, ...]:
    """Return the fields in which the saved metric differs from the person's own form.

    Args:
        theirs: The saved metric.
        name: The person's own name for it.
        definition: The person's own definition.
        display: The person's own display settings.
        questionnaire: The survey, for the texts of its questions.
    """
    asked = _known(theirs) | _asked(questionnaire)
    before = _parts(theirs.name, theirs.definition, theirs.display, asked)
    return _differences(before, _parts(name, definition, display, asked))


def display_differences(theirs: Display, own: Display) -> tuple[FieldDifference, ...]:
    """Return the fields in which saved display settings differ from the person's own form."""
    return _differences(_display_parts(theirs), _display_parts(own))


def definition_parts(metric: Metric) -> dict[str, str]:
    """Return the parts of a definition that have a value, by label."""
    parts = _definition_parts(metric.definition, _known(metric))
    if not metric.definition.compares:
        del parts["Compared with"]
    return {part: said for part, said in parts.items() if said not in {"", "no"}}


def dates(dates: DateRange) -> str:
    """Return a range as text: ``Last 28 days``, or the first and last day."""
    if dates.preset != "custom":
        return dates.preset.replace("_", " ").capitalize()
    return charts.date_range_text(
        Window(start=_midnight(dates.start), end=_midnight(dates.end)), "UTC"
    )


def _differences(theirs: Mapping[str, str], own: Mapping[str, str]) -> tuple[FieldDifference, ...]:
    return tuple(
        FieldDifference(part, said or NONE, own[part] or NONE)
        for part, said in theirs.items()
        if said != own[part]
    )


def _parts(
    name: str, definition: Definition, display: Display, asked: Mapping[str, str]
) -> dict[str, str]:
    """Return the values of all editable fields by label."""
    return {
        "Name": name,
        **_definition_parts(definition, asked),
        **_display_parts(display),
    }


def _definition_parts(definition: Definition, asked: Mapping[str, str]) -> dict[str, str]:
    question = definition.question_id or ""
    return {
        "Type": definition.type.capitalize(),
        "Survey": definition.survey_id,
        "Question": asked.get(question, question),
        "Group by": _named(definition.group_by, asked) if definition.group_by else "",
        "Calculation": CALCULATIONS[definition.calculation].title,
        "Answers that count": ", ".join(definition.answers),
        "Top answers": ", ".join(definition.top_answers),
        "Bottom answers": ", ".join(definition.bottom_answers),
        "Rolling window": f"{definition.rolling} periods" if definition.rolling else "",
        "Date range": dates(definition.range),
        "Compare each group": _yes(chosen=definition.compare_groups),
        "Compared with": _plain(definition.compare_with).capitalize(),
        "Filters": "; ".join(_filtered(one, asked) for one in definition.filters),
        "Included responses": ", ".join(sorted(definition.include)),
        "Weight": _named(definition.weight, asked) if definition.weight else "",
        "Reversed scale": _yes(chosen=definition.reverse_scale),
    }


def _display_parts(display: Display) -> dict[str, str]:
    """Return the values of the display settings by label."""
    return {
        "Chart type": (display.chart or "automatic").replace("_", " ").capitalize(),
        "Heading": display.heading,
        "Subheading": display.subheading,
        "Target": "" if display.target is None else f"{display.target:.15g}",
        "Prefix": display.prefix,
        "Suffix": display.suffix,
        "Latest value as the headline": _yes(chosen=display.latest_as_headline),
        "Start values at zero": _yes(chosen=display.start_at_zero),
        "Titles on right": _yes(chosen=display.titles_on_right),
        "Ranges in the chart": display.intervals.capitalize(),
        "Reverse colours": _yes(chosen=display.reverse_colors),
    }


def _named(part: GroupBy | Weight, asked: Mapping[str, str]) -> str:
    if part.kind == "question":
        return f"“{asked.get(part.of, part.of)}”"
    return part.of or part.kind


def _filtered(one: Filter, asked: Mapping[str, str]) -> str:
    what = asked.get(one.of, one.of) if one.kind == "question" else one.of
    return f"{'exclude' if one.exclude else 'include only'} “{what}”: {' or '.join(one.values)}"


def _known(metric: Metric) -> dict[str, str]:
    return {key: one.text or one.name or key for key, one in metric.questions.items()}


def _asked(questionnaire: Questionnaire | None) -> dict[str, str]:
    if questionnaire is None:
        return {}
    return {one.id: one.text or one.name or one.id for one in questionnaire.walk()}


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _yes(*, chosen: bool) -> str:
    return "yes" if chosen else "no"


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
