"""Adjusts the choices in a form to the available options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_core.host import Calculation
from smaply_metrics_host.metric_form.validation import CUSTOM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smaply_metrics_core.host import FormOption, MetricDraft, MetricOptions
    from smaply_metrics_host.metric_form.form_data import MetricForm

NARROWED: Final = (
    "question",
    "group_by",
    "calculation",
    "answers",
    "top_answers",
    "bottom_answers",
    "range",
    "reverse_scale",
    "weight",
)
"""The fields that an earlier choice may change."""
USUAL: Final = (
    Calculation.NPS,
    Calculation.AVERAGE,
    Calculation.DISTRIBUTION,
    Calculation.ANSWERED,
    Calculation.RESPONSES,
)
"""The default calculation is the first of these that the question allows."""
WITH_PREVIOUS: Final = "last_28_days"
"""The default range where the chosen one has no previous period."""


class AdjustedSelection(NamedTuple):
    """A consistent form, and the fields that were changed."""

    form: MetricForm
    cleared: tuple[str, ...]


def adjust_selection(form: MetricForm, draft: MetricDraft) -> AdjustedSelection:
    """Return the form with the values of a draft that fits the options."""
    # The second date of a custom range may still be missing.
    fits = draft.range is not None or form.range == CUSTOM
    is_net = draft.calculation is Calculation.NET_SCORE
    fitting = replace(
        form,
        question=draft.question_id or "",
        group_by=str(draft.group_by or ""),
        calculation=draft.calculation.value if draft.calculation else "",
        answers=draft.answers if draft.calculation is Calculation.SHARE else form.answers,
        top_answers=draft.top_answers if is_net else form.top_answers,
        bottom_answers=draft.bottom_answers if is_net else form.bottom_answers,
        range=form.range if fits else WITH_PREVIOUS,
        reverse_scale=draft.reverse_scale,
        weight=str(draft.weight or ""),
    )
    cleared = (part for part in NARROWED if getattr(form, part) != getattr(fitting, part))
    return AdjustedSelection(fitting, tuple(cleared))


def suggestion(form: MetricForm, options: MetricOptions, asked_before: str) -> str:
    """Return the default calculation; empty if the person has chosen one.

    Args:
        form: The current choices.
        options: The available options.
        asked_before: The question that the form was rendered for. A count of responses, which needs
            no question, is replaced by a new default when another question is chosen.
    """
    offered = [one.value for one in _offered(options.calculations)]
    reset = form.question != asked_before and form.calculation == Calculation.RESPONSES
    if form.calculation and not reset:
        return ""
    return next((one.value for one in USUAL if one in offered), "")


def _offered(options: tuple[FormOption, ...]) -> Iterator[FormOption]:
    return (one for one in options if not one.refused)
