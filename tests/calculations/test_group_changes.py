"""A Series that compares each group with itself in an earlier period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from smaply_metrics_core.calculations.confidence import add_confidence
from smaply_metrics_core.calculations.group_changes import GROUPS_NOTE
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.query import Calculation, MetricQuery, MetricType, Window
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.result import Change, GroupValue, Result
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, WindowTally
from smaply_metrics_core.models.uncertainty import UncertaintyReason, Verdict
from smaply_metrics_core.uncertainty.verdicts import holm
from tests.calculations.factories import AS_OF, JANUARY, counts, instant, query, scale

DECEMBER = Window(name="previous", start=instant("2025-12-01"), end=JANUARY.start)
BOTH = (JANUARY, DECEMBER)
SCALE = scale(0, 10)
JANUARY_DAYS = {"preset": "custom", "start": "2026-01-01", "end": "2026-02-01"}
DATES: Mapping[str, Any] = {"range": JANUARY_DAYS}

Groups = Mapping[str, Counts]


def scores(promoters: int, passives: int, detractors: int) -> Counts:
    """Return counts of answers to an NPS question."""
    return counts({"10": promoters, "8": passives, "3": detractors})


RISEN = (scores(70, 20, 10), scores(40, 30, 30))
"""A group that is clearly up."""
NEARLY = (scores(56, 24, 20), scores(42, 25, 33))
"""A group that is clearly up by itself (p = 0.019), but not among four groups."""
SAME = (scores(50, 27, 10), scores(50, 31, 13))
"""A group without a clear change."""
FEW = (scores(5, 2, 1), scores(1, 1, 6))
"""A group with too few answers to be judged."""


def window(name: str, groups: Groups, ungrouped: int = 0) -> WindowTally:
    """Return the tally of a window whose groups add up to the total."""
    total: dict[str, int] = {}
    for group in groups.values():
        for key, n in group.answers.items():
            total[key] = total.get(key, 0) + n
    return WindowTally.model_validate(
        {
            "window": name,
            "total": counts(total, blank=ungrouped),
            "ungrouped": ungrouped,
            "groups": tuple(
                GroupCounts(key=key, label=key.title(), counts=group)
                for key, group in groups.items()
            ),
        }
    )


def tally_of(current: Groups, previous: Groups, **parts: int) -> Tally:
    """Return a tally of both windows."""
    windows = (window("current", current, **parts), window("previous", previous, **parts))
    return Tally(windows=windows, choices=SCALE, as_of=AS_OF)


def asked(group_by: str | None = "field:Region", **parts: object) -> MetricQuery:
    """Return a query that compares its groups."""
    given = {"calculation": Calculation.NPS, **DATES, **parts}
    return query(group_by=group_by, windows=BOTH, compare_groups=True, **given)


def compare(pairs: Mapping[str, tuple[Counts, Counts]]) -> Result:
    """Return the result of groups with their counts in both windows."""
    current = {key: now for key, (now, _) in pairs.items()}
    previous = {key: before for key, (_, before) in pairs.items()}
    return calculate(asked(), tally_of(current, previous), AS_OF)


def alone(now: Counts, before: Counts) -> Change:
    """Return the change of one group, as a Comparison."""
    single = query(Calculation.NPS, windows=BOTH, type=MetricType.COMPARISON, **DATES)
    windows = (WindowTally(total=now), WindowTally(window="previous", total=before))
    found = calculate(single, Tally(windows=windows, choices=SCALE, as_of=AS_OF), AS_OF)
    assert found.change is not None
    return found.change


def change_of(group: GroupValue) -> Change:
    """Return the change of a group that has one."""
    assert group.change is not None
    return group.change


def test_each_group_is_compared_with_itself() -> None:
    """Values, interval and p-value are those of a Comparison; the p-values are adjusted by Holm."""
    pairs = {"north": RISEN, "south": NEARLY, "east": SAME, "west": (NEARLY[1], NEARLY[0])}
    result = compare(pairs)
    single = {key: alone(*pair) for key, pair in pairs.items()}
    adjusted = holm([change.p_value or 0 for change in single.values()])
    for group, p_value in zip(result.groups, adjusted, strict=True):
        own = change_of(group)
        assert own == single[group.key].model_copy(
            update={"adjusted_p_value": p_value, "verdict": own.verdict}
        )
        assert group.previous is not None
        assert group.previous.interval is not None
        assert group.previous.answered == pairs[group.key][1].answered
    assert [change_of(group).verdict for group in result.groups] == [
        Verdict.UP,
        Verdict.NO_CLEAR_CHANGE,
        Verdict.NO_CLEAR_CHANGE,
        Verdict.NO_CLEAR_CHANGE,
    ]
    assert GROUPS_NOTE in result.notes


def test_a_change_that_is_clear_alone_may_not_be_among_others() -> None:
    """The interval is not adjusted, so it excludes 0; the verdict uses the adjusted p-value."""
    assert alone(*NEARLY).verdict is Verdict.UP
    result = compare({"a": NEARLY, "b": SAME, "c": SAME, "d": SAME})
    change = change_of(result.groups[0])
    assert change.verdict is Verdict.NO_CLEAR_CHANGE
    assert change.interval is not None
    assert change.interval.low > 0
    assert (change.p_value or 1) < 0.05 < (change.adjusted_p_value or 0)


def test_groups_that_are_not_judged_do_not_count() -> None:
    """A group with few answers has a reason, and the others are not adjusted for it."""
    result = compare({"few": FEW, "near": NEARLY})
    few, near = map(change_of, result.groups)
    assert (few.verdict, few.verdict_reason) == (
        Verdict.NOT_JUDGED,
        UncertaintyReason.FEW_ANSWERS,
    )
    assert few.difference == pytest.approx(112.5)
    assert few.adjusted_p_value is None
    assert near.adjusted_p_value == near.p_value
    assert near.verdict is Verdict.UP


def test_a_group_may_be_new_or_gone() -> None:
    """It has one value, no change, and comes last if only the previous window has it."""
    tally = tally_of({"new": RISEN[0], "both": SAME[0]}, {"both": SAME[1], "gone": RISEN[1]})
    result = calculate(asked(), tally, AS_OF)
    new, both, gone = result.groups
    assert (new.key, both.key, gone.key) == ("new", "both", "gone")
    assert new.previous is not None
    assert gone.previous is not None
    assert (new.value, new.previous.value, change_of(new).difference) == (60, None, None)
    assert (gone.value, gone.answered) == (None, 0)
    assert gone.previous.value == pytest.approx(10)
    for group in (new, gone):
        assert change_of(group).verdict_reason is UncertaintyReason.NO_VALUE
    counted = calculate(asked(calculation=Calculation.RESPONSES, question_id=None), tally, AS_OF)
    assert [change_of(group).difference for group in counted.groups] == [100, -7, -100]
    assert {change_of(group).verdict_reason for group in counted.groups} == {
        UncertaintyReason.CENSUS
    }


def test_the_answers_are_compared() -> None:
    """A distribution compares the share of each answer, also of those given in one window only."""
    windows = (
        WindowTally(total=counts({"5": 60, "4": 40})),
        WindowTally(window="previous", total=counts({"4": 55, "3": 45})),
    )
    tally = Tally(windows=windows, as_of=AS_OF)
    result = calculate(asked(None, calculation=Calculation.DISTRIBUTION), tally, AS_OF)
    changes = {group.key: change_of(group) for group in result.groups}
    assert {key: change.difference for key, change in changes.items()} == {
        "5": 60,
        "4": pytest.approx(-15),
        "3": -45,
    }
    assert [changes[key].verdict for key in "543"] == [Verdict.UP, Verdict.DOWN, Verdict.DOWN]


def test_stored_results_are_judged_again() -> None:
    """At another level of confidence, as if they had been calculated with it."""
    pairs = {"north": RISEN, "south": NEARLY, "east": SAME, "few": FEW}
    tally = tally_of({k: v[0] for k, v in pairs.items()}, {k: v[1] for k, v in pairs.items()})
    at_80 = calculate(asked(), tally, AS_OF, confidence=80)
    stored = Result.model_validate_json(at_80.model_dump_json())
    again = add_confidence(stored, asked().definition, tally, 95)
    assert again == compare(pairs)
    assert change_of(at_80.groups[1]).verdict is Verdict.UP


def test_groups_across_a_change_of_the_question_are_not_comparable() -> None:
    """Each says what was changed."""
    changed = QuestionChange(
        after=instant("2025-12-20"),
        until=instant("2026-01-10"),
        differences=("The text was changed.",),
        recode=False,
        sentence="The question was changed between 20 Dec and 10 Jan.",
    )
    tally = tally_of({"a": RISEN[0]}, {"a": RISEN[1]})
    result = calculate(asked(), tally, AS_OF, question_changes=[changed])
    change = change_of(result.groups[0])
    assert change.verdict_reason is UncertaintyReason.QUESTION_CHANGED
    assert change.verdict_reason_text == changed.sentence


@pytest.mark.parametrize("small", [0, 1])
def test_a_group_that_is_small_in_one_period_is_hidden_in_both(small: int) -> None:
    """With another group, from which it could be calculated; only shown groups are adjusted for."""
    tiny = [scores(60, 20, 10), scores(50, 25, 15)]
    tiny[small] = scores(3, 0, 1)
    pairs = {
        "north": RISEN,
        "tiny": (tiny[0], tiny[1]),
        "near": NEARLY,
        "east": (scores(20, 10, 5), scores(20, 10, 6)),
    }
    shown = hide_small_groups(compare(pairs), asked().definition, 5)
    groups = {group.key: group for group in shown.groups}
    hidden = {key for key, group in groups.items() if group.hidden}
    assert hidden == {"tiny", "east"}
    for key in hidden:
        assert (groups[key].previous, groups[key].change) == (None, None)
    judged = holm([alone(*pairs[key]).p_value or 0 for key in ("north", "near")])
    found = [change_of(groups[key]).adjusted_p_value for key in ("north", "near")]
    assert tuple(found) == judged


def test_a_previous_period_of_few_is_hidden() -> None:
    """The current values remain; there is nothing to compare them with."""
    pairs = {"a": (scores(60, 20, 10), scores(2, 0, 0)), "b": (RISEN[0], scores(0, 1, 1))}
    shown = hide_small_groups(compare(pairs), asked().definition, 5)
    assert shown.previous is not None
    assert shown.previous.hidden
    assert [group.value for group in shown.groups] == [pytest.approx(55.56, abs=0.01), 60]
    for group in shown.groups:
        assert group.previous is not None
        assert (group.previous.value, group.previous.answered, group.previous.hidden) == (
            None,
            0,
            True,
        )
        assert change_of(group).difference is None
        assert "fewer than 5 answers" in change_of(group).reason
    assert shown.change is not None
    assert shown.change.difference is None


def test_responses_in_no_group_are_a_group_in_each_period() -> None:
    """Few of them in the previous period hide another group, too."""
    current = window("current", {"a": scores(30, 0, 0), "b": scores(40, 0, 0)}, 0)
    previous = window("previous", {"a": scores(30, 0, 0), "b": scores(40, 0, 0)}, 2)
    result = calculate(
        asked(calculation=Calculation.RESPONSES, question_id=None),
        Tally(windows=(current, previous), choices=SCALE, as_of=AS_OF),
        AS_OF,
    )
    assert (result.ungrouped, result.previous_ungrouped) == (0, 2)
    shown = hide_small_groups(result, asked(question_id=None).definition, 5)
    assert [group.hidden for group in shown.groups] == [False, True]
    assert (shown.previous_ungrouped, shown.ungrouped_hidden) == (0, True)


FIELD = {"group_by": {"kind": "field", "of": "Region"}}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"type": MetricType.NUMBER, "group_by": None}, "Only a Series"),
        ({"type": MetricType.COMPARISON, "group_by": None}, "Only a Series"),
        ({"group_by": {"kind": "period", "of": "month"}}, "already compared over time"),
        ({"range": {"preset": "all_time"}}, "no previous period"),
        ({"range": {"preset": "custom", "start": "2026-01-01"}}, "no previous period"),
        (
            {"group_by": {"kind": "row"}, "calculation": Calculation.DISTRIBUTION},
            "distributions of the rows",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(parts: dict[str, object], words: str) -> None:
    """Before anything is fetched."""
    survey = Questionnaire(
        survey=Survey(id="S", name="S"),
        questions=(Question(id="Q", text="Q", kind=QuestionKind.NPS, choices=SCALE),),
    )
    base = asked().definition.model_dump()
    definition = type(asked().definition).model_validate({**base, **parts})
    with pytest.raises(QueryInvalid, match=words):
        check_definition(definition, survey)
