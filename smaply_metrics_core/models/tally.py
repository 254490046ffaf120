"""Tallies: the counts of answers that a source returns and the core calculates values from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from math import fsum, inf, isclose
from typing import Annotated, Final, Literal, Protocol, Self

from pydantic import AwareDatetime, Field, NonNegativeInt, PositiveInt, model_validator

from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.survey import Choice, Routing

Reasons = Mapping[str, NonNegativeInt]
"""Counts by reason, such as ``unfinished`` or ``not_applicable``."""


NonNegative = Annotated[Finite, Field(ge=0)]

ROUNDING: Final = 1e-9
"""The relative difference up to which sums of the same weights agree, in whatever order."""


@dataclass(frozen=True, slots=True)
class WeightSum:
    """The sum of the weights of some responses, and the sum of the squared weights."""

    sum: Finite = 0.0
    squares: Finite = 0.0

    @classmethod
    def total(cls, parts: Iterable[WeightSum]) -> WeightSum:
        """Return the sums of several groups of responses together."""
        added = [*parts]
        if len(added) == 1:
            return added[0]
        return cls(fsum([part.sum for part in added]), fsum([part.squares for part in added]))

    def fits(self, count: int) -> bool:
        """Whether these can be the sums of this number of positive weights."""
        if not count:
            return self.sum == self.squares == 0
        square, more = self.sum * self.sum, 1 + ROUNDING
        # The effective number of responses is from 1 to their count (Cauchy-Schwarz).
        least, most = self.squares, self.squares * count * more
        return self.sum > 0 and 0 < least <= square * more and square <= most < inf

    def effective_n(self, count: int) -> float:
        """Return Kish's effective number of ``count`` responses, (Σw)² / Σw².

        Equal weights have the count itself, without rounding errors.
        """
        if not count:
            return 0.0
        found = self.sum * self.sum / self.squares
        return float(count) if isclose(found, count, rel_tol=ROUNDING) else min(found, count)


class Weights(Frozen):
    """The sums of weights behind ``Counts``. A response without a positive weight adds nothing.

    Attributes:
        responses: Of all counted responses; ``None`` if unknown.
        answered: Of the responses that ``Counts.answered`` counts.
        answers: Of the responses with each answer, with the keys of ``Counts.answers``.
        chosen: Of the responses that ``Counts.chosen`` counts.
    """

    responses: WeightSum | None = None
    answered: WeightSum = WeightSum()
    answers: Mapping[str, WeightSum] = Field(default_factory=dict)
    chosen: WeightSum | None = None


class WeightedTotals(Frozen):
    """Sums over the answered responses, each with the weight w and the number x.

    Attributes:
        wx: The sum of w·x.
        w2x: The sum of w²·x.
        w2x2: The sum of w²·x².
    """

    wx: Finite
    w2x: Finite
    w2x2: NonNegative


class Totals(Frozen):
    """Totals of the answered responses, from a source that cannot count single answers.

    Attributes:
        sum: The sum of the numbers.
        minimum: The lowest number.
        maximum: The highest number.
        squares: The sum of the squared numbers. Without it, there is no confidence interval.
        weighted: The weighted sums, for a weighted query.
    """

    sum: Finite
    minimum: Finite | None = None
    maximum: Finite | None = None
    squares: NonNegative | None = None
    weighted: WeightedTotals | None = None


class EnteredValue(Frozen):
    """A value that a person entered, where a source has no responses to count.

    Attributes:
        value: The value, in the unit of the calculation.
        day: The day that it is for.
        n: The number of answers behind it; ``None`` if it is unknown.
        entered_by: Who entered it, as people are named to readers.
        entered_at: When it was entered (aware).
    """

    value: Finite
    day: date
    n: PositiveInt | None = None
    entered_by: str
    entered_at: AwareDatetime


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
        weights: The sums of weights, for a weighted query; ``None`` where every weight is 1.
            Responses with an answer and without a positive weight are in ``unanswered``, for the
            reasons in ``WeightReason``.
        entered: The value that a person entered, for the calculations ``entered_…``. There are no
            responses to count: ``responses`` and ``answered`` are its ``n``, and 0 if that is
            unknown. ``of_entered`` returns such counts.
    """

    responses: NonNegativeInt
    answered: NonNegativeInt = 0
    unanswered: Reasons = Field(default_factory=dict)
    answers: Mapping[str, NonNegativeInt] = Field(default_factory=dict)
    chosen: NonNegativeInt | None = None
    totals: Totals | None = None
    weights: Weights | None = None
    entered: EnteredValue | None = None

    @classmethod
    def of_entered(cls, entered: EnteredValue | None) -> Self:
        """Return the counts of a value that a person entered; ``None`` is no value."""
        n = 0 if entered is None else entered.n or 0
        return cls(responses=n, answered=n, entered=entered)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if self.entered is not None:
            n = self.entered.n or 0
            counted = (self.unanswered, self.answers, self.chosen, self.totals, self.weights)
            if (self.responses, self.answered) != (n, n) or any(counted):
                raise ValueError("an entered value has nothing but its n as responses and answered")
        if self.answered + sum(self.unanswered.values()) != self.responses:
            raise ValueError("answered and unanswered do not add up to responses")
        if self.weights is not None:
            _check_weights(self, self.weights)
        return self

    @property
    def effective_n(self) -> float | None:
        """The effective number of answers; ``None`` without weights."""
        return None if self.weights is None else self.weights.answered.effective_n(self.answered)


def _check_weights(counts: Counts, weights: Weights) -> None:
    if weights.answers.keys() != counts.answers.keys():
        raise ValueError("the weights are not those of the answers")
    if (weights.chosen is None) != (counts.chosen is None):
        raise ValueError("the weights of chosen are missing, or there is no chosen")
    pairs = [(weights.answers[key], n) for key, n in counts.answers.items()]
    pairs.append((weights.answered, counts.answered))
    if weights.chosen is not None and counts.chosen is not None:
        pairs.append((weights.chosen, counts.chosen))
    if any(not sums.fits(count) for sums, count in pairs):
        raise ValueError("the sums of weights do not fit the counts")
    known = weights.responses
    if known is not None and weights.answered.sum > known.sum * (1 + ROUNDING):
        raise ValueError("the answered responses have more weight than all responses")
    if counts.totals is not None and counts.totals.weighted is None:
        raise ValueError("the totals have no weighted sums")


class GroupCounts(Frozen):
    """A group: a stable ``key``, the ``label`` for people, and the counts."""

    key: str
    label: str
    counts: Counts


NOT_SHOWN: Final = "not_shown"
"""The reason for a missing answer of a respondent who did not see the question."""


class WindowTally(Frozen):
    """The counts of one window of a query.

    Attributes:
        excluded: The responses that match the window and the filters but are excluded, by reason.
        total: All counted responses, in any group or none.
        groups: The groups in display order (periods: ascending, without empty ones); empty if the
            query has no group-by or groups by the answers.
        ungrouped: The counted responses without a group (blank group value).
        respondents: The respondents who saw the question, if one may have given several answers, as
            over the loops of a question; else ``None``.
    """

    window: Literal["current", "previous"] = "current"
    excluded: Reasons = Field(default_factory=dict)
    total: Counts
    groups: tuple[GroupCounts, ...] = ()
    ungrouped: NonNegativeInt = 0
    respondents: NonNegativeInt | None = None

    def every_count(self) -> Iterator[Counts]:
        """Yield the counts of the total, then of each group."""
        yield self.total
        for group in self.groups:
            yield group.counts

    @property
    def recorded(self) -> int:
        """The number of responses in the window, counted and excluded."""
        return self.total.responses + sum(self.excluded.values())


class AnswerNumbers(Protocol):
    """Numbers of responses and answers, as in ``Counts``."""

    @property
    def responses(self) -> int:
        """The number of responses."""

    @property
    def answered(self) -> int:
        """The number of answers."""

    @property
    def unanswered(self) -> Mapping[str, int]:
        """The numbers of other responses, by reason."""


def fewest_respondents(respondents: int | None, counts: AnswerNumbers) -> int | None:
    """Return the fewest respondents who can have given the answers; ``None`` if each gave one.

    Each respondent who saw the question gave an answer or left one blank, so at most as many gave
    none as there are blanks. The number is negative if there are more blanks than respondents.

    Args:
        respondents: The respondents who saw the question, as in ``WindowTally``.
        counts: The counts of the same window.
    """
    if respondents is None:
        return None
    blank = counts.responses - counts.answered - counts.unanswered.get(NOT_SHOWN, 0)
    return respondents - blank


def _check_single_answers(counts: Counts) -> None:
    if sum(counts.answers.values()) != counts.answered:
        raise ValueError("single answers do not add up to answered")
    if counts.weights is not None and not isclose(
        fsum(sums.sum for sums in counts.weights.answers.values()),
        counts.weights.answered.sum,
        rel_tol=ROUNDING,
    ):
        raise ValueError("the weights of single answers do not add up to answered")


class Tally(Frozen):
    """The answer of a source to one query.

    Attributes:
        windows: One tally for each window of the query.
        choices: The choices of the question, in order; empty for numbers.
        question_text: The text of the question, as ``Questionnaire.wording`` returns it. With the
            choices it shows whether the question was changed between two refreshes; if it is
            empty, changes are not detected.
        question_routing: Its routing, as ``Questionnaire.routing`` returns it.
        survey_modified: ``Survey.last_modified`` of its survey, if it is known.
        multiple: Whether a response may have several answers.
        pooled: Whether the counts of several answers of one respondent are added up, as over the
            loops of a question. The answers are then not independent, so that the values have no
            interval.
        as_of: When the download of the data started (aware).
        notes: Remarks for people, such as ignored columns.
    """

    windows: tuple[WindowTally, ...]
    choices: tuple[Choice, ...] = ()
    question_text: str = ""
    question_routing: Routing | None = None
    survey_modified: AwareDatetime | None = None
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
            for counts in window.every_count():
                if not self.multiple and counts.answers:
                    _check_single_answers(counts)
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
