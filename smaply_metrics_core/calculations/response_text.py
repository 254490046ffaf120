"""The numbers of responses behind a value, as text to compare with the survey tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.calculations.catalog import LOW_SAMPLE_BELOW
from smaply_metrics_core.models.query import ExclusionReason
from smaply_metrics_core.models.result import GroupValue, WindowResult

_ONE_AND_MANY: Final = {
    ExclusionReason.UNFINISHED: ("unfinished", "unfinished"),
    ExclusionReason.PREVIEW: ("preview", "previews"),
    ExclusionReason.TEST: ("test", "tests"),
    ExclusionReason.SPAM: ("spam", "spam"),
}


HIDDEN: Final = "hidden"
"""Instead of a count that the account does not show."""


UNKNOWN: Final = "unknown"
"""Instead of the number of answers behind an entered value that was entered without it."""


def count_text(measured: WindowResult | GroupValue) -> str:
    """Return the number of answers behind a value: ``1,204``.

    ``hidden`` if it is not shown, and ``unknown`` for an entered value without it.
    """
    if measured.hidden:
        return HIDDEN
    return f"{measured.answered:,}" if measured.has_counts else UNKNOWN


def n_text(measured: WindowResult | GroupValue) -> str:
    """Return the number of answers as ``n = 1,204``, ``n hidden`` or ``n unknown``."""
    text = count_text(measured)
    return f"n {text}" if text in {HIDDEN, UNKNOWN} else f"n = {text}"


def describe_responses(measured: WindowResult) -> str:
    """Return, for example, ``1,204 of 1,310 recorded; 92 unfinished, 14 previews excluded``.

    These are the counted responses, all responses recorded in the window, and the excluded ones
    by reason.
    """
    if measured.hidden:
        return HIDDEN
    if not measured.has_counts:
        return UNKNOWN
    counted = f"{measured.responses:,} of {measured.recorded:,} recorded"
    excluded = _by_reason(measured.excluded)
    return f"{counted}; {excluded} excluded" if excluded else counted


def describe_exclusions(excluded: Mapping[str, int]) -> str:
    """Return the numbers of excluded responses by reason, as in ``92 unfinished, 14 previews``."""
    return _by_reason(excluded)


def describe_answers(measured: WindowResult) -> str:
    """Return, for example, ``1,100 of 1,204 answered; 90 not shown, 14 not applicable``.

    Where a respondent may have given several answers, ``30 answers of 12 respondents``.
    """
    if measured.hidden:
        return HIDDEN
    if not measured.has_counts:
        return UNKNOWN
    answered = (
        f"{measured.answered:,} of {measured.responses:,} answered"
        if measured.respondents is None
        else answers_of_respondents(measured.answered, measured.respondents)
    )
    others = _by_reason(measured.unanswered)
    return f"{answered}; {others}" if others else answered


def answers_of_respondents(answers: int, respondents: int) -> str:
    """Return, for example, ``30 answers of 12 respondents``."""
    given = "answer" if answers == 1 else "answers"
    people = "respondent" if respondents == 1 else "respondents"
    return f"{answers:,} {given} of {respondents:,} {people}"


def describe_weights(measured: WindowResult) -> str:
    """Return, for example, ``effective n 412, design effect 1.25``; empty without weights."""
    if measured.effective_n is None:
        return ""
    effect = measured.design_effect
    text = effective_n_text(measured.effective_n)
    return text if effect is None else f"{text}, design effect {effect:.2f}"


def effective_n_text(effective_n: float) -> str:
    """Return an effective number of answers: ``effective n 412``, ``effective n 7.0``."""
    return f"effective n {effective_n:,.{1 if effective_n < LOW_SAMPLE_BELOW else 0}f}"


def _by_reason(counts: Mapping[str, int]) -> str:
    """Join counts: those of ``ExclusionReason`` in its order, then the others, largest first."""
    places = {reason: place for place, reason in enumerate(ExclusionReason)}
    ordered = sorted(
        (
            places.get(ExclusionReason(reason), 0)
            if reason in set(ExclusionReason)
            else len(places),
            -n,
            reason,
        )
        for reason, n in counts.items()
        if n
    )
    return ", ".join(f"{-n:,} {_named(reason, -n)}" for _, n, reason in ordered)


def _named(reason: str, n: int) -> str:
    if reason in set(ExclusionReason):
        one, many = _ONE_AND_MANY[ExclusionReason(reason)]
        return one if n == 1 else many
    return reason.replace("_", " ")
