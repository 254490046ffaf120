"""Contract tests: a query with all its parts at once, and the pieces that it can be cut into.

Whatever a query asks for, the responses that a filter keeps and those that it leaves out are all of
them, and so are those of ranges that meet. A source that forgets one part of a query beside another
counts pieces that do not make up the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from smaply_metrics_core.models.query import (
    Calculation,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    Period,
    Window,
)
from smaply_metrics_core.models.survey import Question
from smaply_metrics_core.models.tally import Counts, Tally, WindowTally
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.queries import ask, best_question, everything_to_group_by
from smaply_metrics_core.testing.suite.subjects.combined_queries import CombinedQueryTests
from smaply_metrics_core.testing.suite.subjects.filters import FAR_ZONES, WEEK_STARTS
from smaply_metrics_core.testing.suite.tally_invariants import check_groups, query_tally

BY_WEEK: Final = GroupBy(kind="period", of=Period.WEEK)

RANGES: Final = "ranges that meet"
HALVES: Final = "what was before an instant and what was since then"
FILTERS: Final = "a filter and its opposite"

APPLY_ALL: Final = (
    "apply every part of a query beside every other: question, calculation, group by, dates, "
    "filters, what is included, zone and first day of the week; `calculations.tally` does it for "
    "rows"
)

Pieces = tuple[MetricQuery, ...]

Cut = tuple[MetricQuery, str, Pieces]
"""A query, how it is cut, and the pieces."""


class QueryPartitionTests(CombinedQueryTests):
    """Every part of a query, beside every other."""

    def _wholes(self) -> Iterator[MetricQuery]:
        """Give queries with every part but dates and filters."""
        for question, calculation, group_by in self._grouped_wholes():
            of = question.id if question else "no question"
            for zone in FAR_ZONES if calculation is Calculation.ANSWERED else FAR_ZONES[:1]:
                yield ask(
                    f"{of} {calculation} by {group_by or 'nothing else'} in {zone}",
                    self.survey_id,
                    calculation=calculation,
                    question=question,
                    group_by=group_by,
                    include=ExclusionReason,
                    zone=zone,
                    week_start=WEEK_STARTS[-1],
                )

    def _grouped_wholes(self) -> Iterator[tuple[Question | None, Calculation, GroupBy | None]]:
        """Give every calculation by week, and how many answered by each kind of group.

        Without a question, responses are counted, by week and altogether. One question of each
        kind stands for all: the best one, and of other kinds the first.
        """
        for group_by in (None, BY_WEEK):
            yield None, Calculation.RESPONSES, group_by
        question = best_question(self.questionnaire())
        for calculation in question.calculations:
            split = calculation is Calculation.DISTRIBUTION  # By the answer, and by nothing else.
            yield question, calculation, None if split else BY_WEEK
        others = {
            one.kind: one
            for one in reversed(list(self.questionnaire().walk()))
            if Calculation.ANSWERED in one.calculations and one.kind is not question.kind
        }
        answers, _ = self._grouped()
        done = {str(BY_WEEK)}
        for group_by, _ in everything_to_group_by(self.questionnaire()):
            # One question and one field stand for all; each period is cut in a way of its own.
            like = str(group_by) if group_by.kind == "period" else group_by.kind
            if isinstance(answers[str(group_by)], Tally) and like not in done:
                done.add(like)
                yield question, Calculation.ANSWERED, group_by
                if group_by.kind != "period":
                    for other in others.values():
                        yield other, Calculation.ANSWERED, group_by

    def _cut(self, whole: MetricQuery) -> Iterator[Cut]:
        """Cut a query by dates and by a filter, and what came of it once more by the filter.

        One cut is where a response was recorded: what counts it twice is seen there alone.
        """
        start, middle, end = self._borders()
        at = self.recorded_at or middle
        borders = sorted({start, middle, end, at})
        halves = _ranges(whole, "half", [at])
        yield whole, RANGES, _ranges(whole, "range", borders)
        yield whole, HALVES, halves
        if sides := self._sides():
            for cut in (whole, *halves):
                yield cut, FILTERS, tuple(_filtered(cut, side) for side in sides)

    def _pieces(self) -> tuple[Sequence[Cut], Mapping[str, WindowTally], int]:
        wholes = list(self._wholes())
        cuts = [cut for whole in wholes for cut in self._cut(whole)]
        pieces = [piece for _, _, several in cuts for piece in several]
        answers = self.fetch("pieces", *wholes, *pieces)
        found = {one.id: query_tally(answers, one).window("current") for one in (*wholes, *pieces)}
        by_week = [found[one.id] for one in wholes if one.definition.group_by == BY_WEEK]
        return cuts, found, max(window.ungrouped for window in by_week)

    def test_pieces_of_a_query_make_up_the_whole(self) -> None:
        """Ranges that meet, and a filter and its opposite, hold what the whole query holds."""
        cuts, found, undated = self._pieces()
        for whole, how, pieces in cuts:
            right = _by_group([found[whole.id]])
            together = _by_group([found[piece.id] for piece in pieces])
            missing = 0 if how == FILTERS else undated  # Only all time does without a date.
            wrong = sorted(
                key
                for key in right.keys() | together.keys()
                if not 0 <= right[key] - together[key] <= missing
            )
            expect(
                not wrong,
                f"“{whole.id}” does not hold what {how} hold together: it has "
                f"{_some(wrong, right)}, and they have {_some(wrong, together)}.",
                APPLY_ALL,
            )
        overlapping = {
            by for by, several in everything_to_group_by(self.questionnaire()) if several
        }
        for name, query in {one.id: one for whole, _, cut in cuts for one in (whole, *cut)}.items():
            if found[name].groups:
                several = query.definition.group_by in overlapping
                check_groups(name, found[name], several=several)
        for how in (RANGES, HALVES):
            same = [pieces for _, by, pieces in cuts if by == how]
            for pieces in zip(*same, strict=True):
                told = {piece.id: found[piece.id].total.responses for piece in pieces}
                expect(
                    len(set(told.values())) == 1,
                    f"The same dates hold different responses: {told}.",
                    APPLY_ALL,
                )


def _ranges(whole: MetricQuery, name: str, borders: Sequence[datetime]) -> Pieces:
    """Cut a query at instants, ascending."""
    return tuple(
        whole.model_copy(
            update={"id": f"{whole.id}, {name} {n}", "windows": (Window(start=start, end=end),)}
        )
        for n, (start, end) in enumerate(pairwise([None, *borders, None]))
    )


def _filtered(whole: MetricQuery, side: Filter) -> MetricQuery:
    return whole.model_copy(
        update={
            "id": f"{whole.id}, {'without' if side.exclude else 'only'}",
            "definition": whole.definition.model_copy(update={"filters": (side,)}),
        }
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
