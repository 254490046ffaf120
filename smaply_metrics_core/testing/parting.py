"""Contract tests: a query with all its parts at once, and the pieces that it can be cut into.

Whatever a query asks for, the responses that a filter keeps and those that it leaves out are all of
them, and so are those of ranges that meet. A source that forgets one part of a query beside another
counts pieces that do not make up the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from smaply_metrics_core.models.query import (
    Calculation,
    GroupBy,
    LeftOut,
    MetricQuery,
    Period,
    Window,
)
from smaply_metrics_core.models.survey import Question
from smaply_metrics_core.models.tally import Counts, Tally, WindowTally
from smaply_metrics_core.testing.combining import CombiningContract
from smaply_metrics_core.testing.queries import ask, best_question, everything_to_group_by
from smaply_metrics_core.testing.slicing import FAR_ZONES, WEEK_STARTS
from smaply_metrics_core.testing.tallies import tally_of
from smaply_metrics_core.testing.verdict import expect

BY_WEEK: Final = GroupBy(kind="period", of=Period.WEEK)

RANGES: Final = "four ranges that meet"

Cuts = Mapping[str, tuple[MetricQuery, ...]]
"""The pieces that a query is cut into, by how."""


class PartingContract(CombiningContract):
    """Every part of a query, beside every other."""

    def _wholes(self) -> Iterator[MetricQuery]:
        """Give queries with every part but dates and filters."""
        question = best_question(self.questionnaire())
        for calculation, group_by in self._grouped_wholes(question):
            for zone in FAR_ZONES if calculation is Calculation.ANSWERED else FAR_ZONES[:1]:
                yield ask(
                    f"{calculation} by {group_by or 'answer'} in {zone}",
                    self.survey_id,
                    calculation=calculation,
                    question=question,
                    group_by=group_by,
                    include=LeftOut,
                    zone=zone,
                    week_start=WEEK_STARTS[-1],
                )

    def _grouped_wholes(self, question: Question) -> Iterator[tuple[Calculation, GroupBy | None]]:
        """Give every calculation by week, and how many answered by each kind of group."""
        for calculation in question.calculations:
            split = calculation is Calculation.DISTRIBUTION  # By the answer, and by nothing else.
            yield calculation, None if split else BY_WEEK
        answers, _ = self._grouped()
        done = {str(BY_WEEK)}
        for group_by, _ in everything_to_group_by(self.questionnaire()):
            # One question and one field stand for all; each period is cut in a way of its own.
            like = str(group_by) if group_by.kind == "period" else group_by.kind
            if isinstance(answers[str(group_by)], Tally) and like not in done:
                done.add(like)
                yield Calculation.ANSWERED, group_by

    def _cut(self, whole: MetricQuery) -> Cuts:
        start, middle, end = self._borders()
        ranges = (
            Window(end=start),
            Window(start=start, end=middle),
            Window(start=middle, end=end),
            Window(start=end),
        )
        cuts = {
            RANGES: tuple(
                whole.model_copy(update={"id": f"{whole.id}, range {n}", "windows": (window,)})
                for n, window in enumerate(ranges)
            )
        }
        if sides := self._sides():
            cuts["a filter and its opposite"] = tuple(
                whole.model_copy(
                    update={
                        "id": f"{whole.id}, filter {n}",
                        "definition": whole.definition.model_copy(update={"filters": (side,)}),
                    }
                )
                for n, side in enumerate(sides)
            )
        return cuts

    def _pieces(self) -> tuple[Mapping[str, Cuts], Mapping[str, WindowTally], int]:
        wholes = list(self._wholes())
        cuts = {whole.id: self._cut(whole) for whole in wholes}
        pieces = [one for cut in cuts.values() for several in cut.values() for one in several]
        answers = self.fetch("pieces", *wholes, *pieces)
        found = {one.id: tally_of(answers, one).window("current") for one in (*wholes, *pieces)}
        by_week = [found[one.id] for one in wholes if one.definition.group_by == BY_WEEK]
        return cuts, found, max(window.ungrouped for window in by_week)

    def test_pieces_of_a_query_make_up_the_whole(self) -> None:
        """Ranges that meet, and a filter and its opposite, hold what the whole query holds."""
        cuts, found, undated = self._pieces()
        for whole, cut in cuts.items():
            right = _by_group([found[whole]])
            for how, pieces in cut.items():
                together = _by_group([found[piece.id] for piece in pieces])
                missing = undated if how == RANGES else 0  # Only all time does without a date.
                wrong = sorted(
                    key
                    for key in right.keys() | together.keys()
                    if not 0 <= right[key] - together[key] <= missing
                )
                expect(
                    not wrong,
                    f"“{whole}” does not hold what {how} hold together: it has "
                    f"{_some(wrong, right)}, and they have {_some(wrong, together)}.",
                    "apply every part of a query beside every other: question, calculation, group "
                    "by, dates, filters, what is included, zone and first day of the week; "
                    "`calculations.tally` does it for rows",
                )


def _by_group(windows: Iterable[WindowTally]) -> Counter[str]:
    """Add up what several windows count, in each group and altogether."""
    found = Counter[str]()
    for window in windows:
        found["without a group"] += window.ungrouped
        for group, counts in _named(window):
            found[f"the responses of {group}"] += counts.responses
            found[f"the answered of {group}"] += counts.answered
            for reason, unanswered in counts.unanswered.items():
                found[f"the {reason} of {group}"] += unanswered
            for answer, given in counts.answers.items():
                found[f"the answers {answer} of {group}"] += given
    return found


def _named(window: WindowTally) -> Iterator[tuple[str, Counts]]:
    yield "all", window.total
    for group in window.groups:
        yield group.key, group.counts


def _some(names: Sequence[str], counted: Counter[str]) -> str:
    return ", ".join(f"{counted[name]} in {name}" for name in names[:3])
