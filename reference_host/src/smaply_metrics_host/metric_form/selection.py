"""Fitting what is chosen in a form to what its lists may offer, and saying what had to go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_core.host import Calculation
from smaply_metrics_host.metric_form.validation import CUSTOM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smaply_metrics_core.host import FormOption, MetricDraft, MetricOptions
    from smaply_metrics_host.metric_form.form_data import MetricForm

NARROWED: Final = ("question", "group_by", "calculation", "answers", "range", "reverse_scale")
"""The fields that a choice made before them may have to change."""
USUAL: Final = (
    Calculation.NPS,
    Calculation.AVERAGE,
    Calculation.DISTRIBUTION,
    Calculation.ANSWERED,
    Calculation.RESPONSES,
)
"""What people mostly want of a question, the first that it allows."""
WITH_PREVIOUS: Final = "last_28_days"
"""In place of a range that has no previous one to compare with."""


class AdjustedSelection(NamedTuple):
    """A form in which everything goes together, and the fields that were changed for that."""

    form: MetricForm
    cleared: tuple[str, ...]


def adjust_selection(form: MetricForm, draft: MetricDraft) -> AdjustedSelection:
    """Fit a form to a draft that its options were narrowed to."""
    # Whoever enters dates has not entered the other one yet.
    fits = draft.range is not None or form.range == CUSTOM
    fitting = replace(
        form,
        question=draft.question_id or "",
        group_by=str(draft.group_by or ""),
        calculation=draft.calculation.value if draft.calculation else "",
        answers=draft.answers if draft.calculation is Calculation.SHARE else form.answers,
        range=form.range if fits else WITH_PREVIOUS,
        reverse_scale=draft.reverse_scale,
    )
    cleared = (part for part in NARROWED if getattr(form, part) != getattr(fitting, part))
    return AdjustedSelection(fitting, tuple(cleared))


def suggestion(form: MetricForm, options: MetricOptions, asked_before: str) -> str:
    """Give the calculation to begin with; empty where a person has chosen one.

    Args:
        form: What is chosen.
        options: What may be.
        asked_before: The question that the form was made for: to choose another one is the moment
            to suggest anew, if all that stands there is the count of responses.
    """
    offered = [one.value for one in _offered(options.calculations)]
    anew = form.question != asked_before and form.calculation == Calculation.RESPONSES
    if form.calculation and not anew:
        return ""
    return next((one.value for one in USUAL if one in offered), "")


def _offered(options: tuple[FormOption, ...]) -> Iterator[FormOption]:
    return (one for one in options if not one.refused)
