"""Who stands behind a number, in words: people compare it with what the survey tool shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smaply_metrics_core.models.query import LeftOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smaply_metrics_core.models.result import Measured

_ONE_AND_MANY: Final = {
    LeftOut.UNFINISHED: ("unfinished", "unfinished"),
    LeftOut.PREVIEW: ("preview", "previews"),
    LeftOut.TEST: ("test", "tests"),
    LeftOut.SPAM: ("spam", "spam"),
}


def who_counts(measured: Measured) -> str:
    """Say which responses count: ``1,204 of 1,310 recorded; 92 unfinished, 14 previews left out``.

    Responses, then all that were recorded in the window, then those left out, by reason.
    """
    counted = f"{measured.responses:,} of {measured.recorded:,} recorded"
    left_out = _by_reason(measured.excluded)
    return f"{counted}; {left_out} left out" if left_out else counted


def who_answered(measured: Measured) -> str:
    """Say who of them answered: ``1,100 of 1,204 answered; 90 not shown, 14 not applicable``."""
    answered = f"{measured.answered:,} of {measured.responses:,} answered"
    others = _by_reason(measured.unanswered)
    return f"{answered}; {others}" if others else answered


def _by_reason(counts: Mapping[str, int]) -> str:
    """Name counts, those of ``LeftOut`` in its order, then the larger ones first."""
    places = {reason: place for place, reason in enumerate(LeftOut)}
    told = sorted(
        (places.get(LeftOut(reason), 0) if reason in set(LeftOut) else len(places), -n, reason)
        for reason, n in counts.items()
        if n
    )
    return ", ".join(f"{-n:,} {_named(reason, -n)}" for _, n, reason in told)


def _named(reason: str, n: int) -> str:
    if reason in set(LeftOut):
        one, many = _ONE_AND_MANY[LeftOut(reason)]
        return one if n == 1 else many
    return reason.replace("_", " ")
