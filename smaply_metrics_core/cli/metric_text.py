"""Metrics and their definitions as text for the terminal."""

from __future__ import annotations

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.output import print_text, text
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.query import ComparedPeriod, DateRange, Definition


def describe_metric(metric: Metric, source: str, zone: str) -> None:
    """Print all parts of a metric that differ from the default."""
    definition = metric.definition
    print_text(text(metric.name, "bold"), text(f"  {metric.id}", "dim"))
    rows = {
        "Source": source,
        "Type": definition.type,
        "Survey": definition.survey_id,
        "Question": _question(metric) or "none (counts responses)",
        "Calculation": definition.calculation.replace("_", " "),
        "Answers": ", ".join(definition.answers),
        "Top answers": ", ".join(definition.top_answers),
        "Bottom answers": ", ".join(definition.bottom_answers),
        "Group by": str(definition.group_by or ""),
        "Rolling": f"{definition.rolling} periods" if definition.rolling else "",
        "Date range": _range(definition.range),
        "Groups": "compared" if definition.compare_groups else "",
        "Compared with": definition.compare_with.replace("_", " ") if definition.compares else "",
        "Filters": "; ".join(
            f"{'not ' if one.exclude else ''}{one.kind}:{one.of}={'|'.join(one.values)}"
            for one in definition.filters
        ),
        "Includes": ", ".join(sorted(definition.include)),
        "Scale": "reversed (1 is best)" if definition.reverse_scale else "",
        "Weight": str(definition.weight or ""),
        "Chart": metric.display.chart or "",
        "Edited": f"{instant_text(metric.updated_at, zone)} (version {metric.version})",
    }
    for title, value in rows.items():
        if value:
            print_text(text(f"{title:<14} ", "dim"), value, indent=2)


def _question(metric: Metric) -> str:
    """Return the question's ID, and its text at the time when the metric was saved."""
    question_id = metric.definition.question_id or ""
    known = metric.questions.get(question_id)
    return f"{question_id} “{known.text}”" if known else question_id


def definition_in_words(definition: Definition) -> str:
    """Return a definition as one line for a list."""
    parts = [definition.calculation.replace("_", " ")]
    if definition.question_id:
        parts.append(f"of {definition.question_id}")
    parts.append(f"in {definition.survey_id}")
    if definition.group_by:
        parts.append(f"by {definition.group_by}")
    if definition.rolling:
        parts.append(f"rolling {definition.rolling}")
    if definition.weight:
        parts.append(f"weighted by {definition.weight}")
    against = ""
    if definition.compare_groups or definition.compare_with is not ComparedPeriod.PREVIOUS_PERIOD:
        against = f" vs. {definition.compare_with.replace('_', ' ')}"
    return f"{definition.type}: {' '.join(parts)}, {_range(definition.range)}{against}"


def _range(chosen: DateRange) -> str:
    if chosen.preset != "custom":
        return chosen.preset.replace("_", " ")
    first = f"from {chosen.start} " if chosen.start else ""
    end = f"until {chosen.end} (excluded)" if chosen.end else ""
    return (first + end).strip()
