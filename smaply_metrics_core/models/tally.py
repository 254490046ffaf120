"""Tallies: the counts of answers that a source returns and the core calculates values from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.survey import Choice

Reasons = Mapping[str, NonNegativeInt]
"""Counts by reason, such as ``unfinished`` or ``not_applicable``."""


class Totals(Frozen):
    """Totals of the answered responses, from a source that cannot count single answers."""

    sum: Finite
    minimum: Finite | None = None
    maximum: Finite | None = None


class Counts(Frozen):
    """The responses of one group in one window.

    Attributes:
        responses: The counted responses (by status, completion, date range and filters).
        answered: The counted responses with an answer that is in the denominator.
        unanswered: The other counted responses, by reason; with ``answered``, they add up to
            ``responses``.
        answers: The count of each answer, by choice key, or by the number as text. Single answers
            add up to ``answered``; multiple answers may exceed it.
        chosen: The responses with at least one of the answers of a share. Only required if a
            response may have several of them.
        totals: The totals, instead of ``answers``.
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
    """A group: a stable ``key``, the ``label`` for people, and the counts."""

    key: str
    label: str
    counts: Counts


class WindowTally(Frozen):
    """The counts of one window of a query.

    Attributes:
        excluded: The responses that match the window and the filters but are excluded, by reason.
        total: All counted responses, in any group or none.
        groups: The groups in display order (periods: ascending, without empty ones); empty if the
            query has no group-by or groups by the answers.
        ungrouped: The counted responses without a group (blank group value).
    """

    window: Literal["current", "previous"] = "current"
    excluded: Reasons = Field(default_factory=dict)
    total: Counts
    groups: tuple[GroupCounts, ...] = ()
    ungrouped: NonNegativeInt = 0

    @property
    def recorded(self) -> int:
        """The number of responses in the window, counted and excluded."""
        return self.total.responses + sum(self.excluded.values())


class Tally(Frozen):
    """The answer of a source to one query.

    Attributes:
        windows: One tally for each window of the query.
        choices: The choices of the question, in order; empty for numbers.
        multiple: Whether a response may have several answers.
        pooled: Whether the counts of several answers of one respondent are added up, as over the
            loops of a question. The answers are then not independent, so that the values have no
            interval.
        as_of: When the download of the data started (aware).
        notes: Remarks for people, such as ignored columns.
    """

    windows: tuple[WindowTally, ...]
    choices: tuple[Choice, ...] = ()
    multiple: bool = False
    pooled: bool = False
    as_of: datetime
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [window.window for window in self.windows]
        if len(set(names)) != len(names) or not names:
            raise ValueError("there must be at least one window, each only once")
        for window in self.windows:
            keys = [group.key for group in window.groups]
            if len(set(keys)) != len(keys):
                raise ValueError("two groups have the same key")
            for counts in (window.total, *(group.counts for group in window.groups)):
                if not self.multiple and counts.answers:
                    analyzed = sum(counts.answers.values())
                    if analyzed != counts.answered:
                        raise ValueError("single answers do not add up to answered")
        if self.as_of.tzinfo is None:
            raise ValueError("as_of requires a time zone")
        return self

    def window(self, name: Literal["current", "previous"]) -> WindowTally:
        """Return the tally of a window.

        Raises:
            KeyError: when there is no such window.
        """
        for window in self.windows:
            if window.window == name:
                return window
        raise KeyError(name)
