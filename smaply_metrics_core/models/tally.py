"""Tallies: counts of answers, which is all that a source returns. The core makes the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.survey import Choice

Reasons = Mapping[str, NonNegativeInt]
"""Counts by reason; reasons are short words such as ``unfinished`` or ``not_applicable``."""


class Totals(Frozen):
    """What a source gives that knows only totals: all over the answered responses."""

    sum: Finite
    minimum: Finite | None = None
    maximum: Finite | None = None


class Counts(Frozen):
    """The responses of one group in one window.

    Attributes:
        responses: Responses that count (after status, unfinished, range and filters).
        answered: Those of them with an answer that enters denominators.
        unanswered: The others, by reason; ``answered`` plus these is ``responses``.
        answers: How often each answer was given: choice key, or the number as text. Single
            answers add up to ``answered``; multiple answers may exceed it.
        chosen: Responses that gave at least one of the answers that a share asks for. Needed only
            where one response may give several of them: elsewhere ``answers`` tells.
        totals: In place of ``answers``, from a source that knows only totals.
    """

    responses: NonNegativeInt
    answered: NonNegativeInt = 0
    unanswered: Reasons = Field(default_factory=dict)
    answers: Mapping[str, NonNegativeInt] = Field(default_factory=dict)
    chosen: NonNegativeInt | None = None
    totals: Totals | None = None

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if self.answered + sum(self.unanswered.values()) != self.responses:
            raise ValueError("answered and unanswered do not add up to responses")
        return self


class GroupCounts(Frozen):
    """One group: a stable ``key``, the ``label`` people read, and its counts."""

    key: str
    label: str
    counts: Counts


class WindowTally(Frozen):
    """One window of a query.

    Attributes:
        excluded: Responses recorded in the window, kept by the filters, and left out, by reason.
        total: All responses that count, whatever their group.
        groups: Each group once, in the order to show (periods: ascending, only those present);
            empty when the query has no group by, or groups by the answer itself.
        ungrouped: Responses that count and belong to no group (blank group value).
    """

    window: Literal["current", "previous"] = "current"
    excluded: Reasons = Field(default_factory=dict)
    total: Counts
    groups: tuple[GroupCounts, ...] = ()
    ungrouped: NonNegativeInt = 0

    @property
    def recorded(self) -> int:
        """Every response recorded in the window, counted or left out."""
        return self.total.responses + sum(self.excluded.values())


class Tally(Frozen):
    """The answer of a source to one query.

    Attributes:
        windows: One for each window of the query, by name.
        choices: The scale: the answers that the question offers, in order; empty for numbers.
        multiple: Whether one response may give several answers.
        as_of: When the data was read: the start of the download (aware).
        notes: Remarks for people, such as columns that had to be ignored.
    """

    windows: tuple[WindowTally, ...]
    choices: tuple[Choice, ...] = ()
    multiple: bool = False
    as_of: datetime
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [window.window for window in self.windows]
        if len(set(names)) != len(names) or not names:
            raise ValueError("each window is given once, and there is at least one")
        for window in self.windows:
            keys = [group.key for group in window.groups]
            if len(set(keys)) != len(keys):
                raise ValueError("two groups have one key")
            for counts in (window.total, *(group.counts for group in window.groups)):
                if not self.multiple and counts.answers:
                    analyzed = sum(counts.answers.values())
                    if analyzed != counts.answered:
                        raise ValueError("single answers do not add up to answered")
        if self.as_of.tzinfo is None:
            raise ValueError("as_of needs a time zone")
        return self

    def window(self, name: Literal["current", "previous"]) -> WindowTally:
        """Return one window.

        Raises:
            KeyError: when the query did not ask for it.
        """
        for window in self.windows:
            if window.window == name:
                return window
        raise KeyError(name)
