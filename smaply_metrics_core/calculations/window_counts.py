"""Counted responses: what is counted of a window, before it becomes a tally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from smaply_metrics_core.calculations.decimal_keys import key_order
from smaply_metrics_core.models.query import Window
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import WeightSum

NOT_ANSWERED: Final = "not_answered"
"""The reason in ``Counts.unanswered`` for a response without an answer to the question."""
NOT_APPLICABLE: Final = "not_applicable"
UNDATED: Final = "undated"


class GroupWeights(NamedTuple):
    """The weights of the responses of one group.

    Attributes:
        responses: Of all responses.
        answered: Of those with an answer, including those whose answers are not stored.
        answers: Of those with each answer, by its code.
    """

    responses: WeightSum
    answered: WeightSum
    answers: Mapping[int, WeightSum]


class GroupCount(NamedTuple):
    """The responses of one group.

    Attributes:
        responses: How many responses there are.
        reasons: How many of them have no answer, by reason. Of a weighted query, responses with an
            answer and without a positive weight too.
        answers: How many have each answer, by its code.
        weights: Their weights; ``None`` for queries without weights.
    """

    responses: int
    reasons: Mapping[str, int]
    answers: Mapping[int, int]
    weights: GroupWeights | None = None

    @property
    def answered(self) -> int:
        """How many responses have an answer, including those whose answers are not stored."""
        return self.responses - sum(self.reasons.values())


class WindowCount(NamedTuple):
    """The responses of one window of a query.

    Attributes:
        excluded: How many responses are excluded, by reason.
        groups: The responses that count, by group; ``None`` is the group of those without one.
    """

    excluded: Mapping[str, int]
    groups: Mapping[str | None, GroupCount]


@dataclass(frozen=True)
class AnswerTable:
    """The answers that codes stand for.

    Attributes:
        keys: The answer keys of each code: one, or several where a response may give several.
        places: The place of each key in the order to show.
        several: The keys that are counted even with 0; empty where a response gives one answer.
    """

    keys: Sequence[tuple[str, ...]]
    places: Mapping[str, int]
    several: tuple[str, ...]

    @classmethod
    def of(
        cls, keys: Sequence[tuple[str, ...]], several: tuple[str, ...], choices: Sequence[Choice]
    ) -> AnswerTable:
        """Return the table of codes, after all responses are counted."""
        offered = {choice.key: place for place, choice in enumerate(choices)}
        every = {*several, *(key for given in keys for key in given)}
        ordered = sorted(every, key=lambda key: (offered.get(key, len(offered)), *key_order(key)))
        return cls(keys, {key: place for place, key in enumerate(ordered)}, several)

    def counts(self, group: GroupCount) -> dict[str, int]:
        """Return how many responses gave each answer, in the order to show."""
        found = dict.fromkeys(self.several, 0) if group.answered else {}
        for code, n in group.answers.items():
            for key in self.keys[code]:
                found[key] = found.get(key, 0) + n
        return {key: found[key] for key in sorted(found, key=self.places.__getitem__)}

    def weights(
        self, weights: Mapping[int, WeightSum], keys: Iterable[str]
    ) -> dict[str, WeightSum]:
        """Return the weights of the responses that gave each of some answers."""
        found: dict[str, list[WeightSum]] = {key: [] for key in keys}
        for code, sums in weights.items():
            for key in self.keys[code]:
                found[key].append(sums)
        return {key: WeightSum.total(sums) for key, sums in found.items()}

    def chosen(self, codes: Iterable[int], answers: Iterable[str]) -> list[int]:
        """Return the codes of responses that gave at least one of some answers."""
        wanted = {*answers}
        return [code for code in codes if not wanted.isdisjoint(self.keys[code])]


class CountedWindow(NamedTuple):
    """A window with what was counted of it, and the answers that its codes stand for."""

    window: Window
    counted: WindowCount
    answers: AnswerTable
