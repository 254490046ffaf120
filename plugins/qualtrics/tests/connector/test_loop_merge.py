"""Compare the loops of a question, separately and combined, with counts made by hand.

Six people answered questions about up to three purchases (loops 1, 4 and 9): how good each was,
what was good about it, how much it cost, and a comment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    Account,
    account,
    embedded,
    error_of,
    mc,
    query,
    survey_definition,
    write_survey,
)
from smaply_metrics_core import (
    CalculationRefused,
    Counts,
    ExclusionReason,
    Filter,
    GroupingRefused,
    QueryInvalid,
    Tally,
    Totals,
    WeightedTotals,
    Weights,
    WeightSum,
    Window,
    WindowTally,
)
from smaply_metrics_core.calculations import describe_answers
from smaply_metrics_qualtrics.responses.loop_merge import merge

GOOD = mc(
    "Good?",
    {"1": "Bad", "2": "Fine", "3": "Good", "4": "N/A"},
    RecodeValues={"1": "1", "2": "2", "3": "3", "4": "99"},
    AnalyzeChoices={"4": "No"},
)
QUESTIONS: dict[str, Any] = {
    "QID1": GOOD,
    "QID2": mc("What", {"1": "Price", "2": "Look"}, Selector="MAVR"),
    "QID3": mc("Cost", {"1": "Euro"}, QuestionType="Slider", Selector="HSLIDER"),
    "QID4": {"QuestionText": "Words", "QuestionType": "TE", "Selector": "ML"},
    "QID5": {**MATRIX, "Choices": {"1": {"Display": "Speed"}}},
    "QID6": mc("Elsewhere", {"1": "Yes"}),
}
LOOPS = ("1", "4", "9")
COLUMNS: dict[str, object] = {
    **{f"good{loop}": f"{loop}_QID1" for loop in LOOPS},
    **{
        f"what{loop}_{choice}": {"ImportId": f"{loop}_QID2", "choiceId": choice}
        for loop in LOOPS
        for choice in ("1", "2")
    },
    **{f"cost{loop}": f"{loop}_QID3_1" for loop in LOOPS},
    **{f"words{loop}": f"{loop}_QID4_TEXT" for loop in LOOPS},
    **{f"speed{loop}": f"{loop}_QID5_1" for loop in LOOPS},
    "elsewhere": "QID6",
    "Region": "Region",
}
ROWS: list[dict[str, str]] = [
    {"good1": "3", "good4": "1", "cost1": "10", "cost4": "30", "Region": "North"},
    {"good1": "3", "what1_1": "1", "what1_2": "1", "cost1": "20", "Region": "North"},
    {"good1": "2", "good4": "3", "good9": "99", "what9_2": "1", "Region": "South"},
    {"good4": "2", "cost4": "2,5", "words4": "Nice", "speed4": "2", "Region": "South"},
    {"Region": "South", "elsewhere": "1", "RecordedDate": "2026-01-10 00:00:00"},
    {"good9": "1", "what9_1": "1", "what4_1": "1", "RecordedDate": "2026-01-10 00:00:00"},
    {"good1": "1", "good4": "1", "good9": "1", "Finished": "0"},
    {"good1": "1", "good4": "1", "Status": "1"},
]
JANUARY = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 2, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The survey of purchases in a read-only sandbox."""
    folder = tmp_path_factory.mktemp("bought")
    names = {"1": {"1": "Lamp"}, "4": {"1": "Rug"}, "9": {"1": "Chair"}}
    looped = [{"Type": "Question", "QuestionID": f"QID{n}"} for n in range(1, 6)]
    options = {"Looping": "Static", "LoopingOptions": {"Static": names}}
    blocks = {
        "BL_1": {"Type": "Standard", "BlockElements": looped, "Options": options},
        "BL_2": {"BlockElements": [{"Type": "Question", "QuestionID": "QID6"}]},
    }
    flow = {"Type": "Root", "Flow": [embedded("Region"), {"Type": "Block", "ID": "BL_1"}]}
    definition = survey_definition(QUESTIONS, Blocks=blocks, SurveyFlow=flow)
    write_survey(folder / "bought", definition, COLUMNS, ROWS)
    with account(folder, export_polls=0) as own:
        yield own


def test_the_example_in_the_documentation(bought: Account) -> None:
    """The answers 3 1, 3, 2 3 n/a, 2, none and 1 are seven answers with the sum 15."""
    result = bought.measure(query("average", "QID1"))
    assert result.current.value == pytest.approx((3 + 1 + 3 + 2 + 3 + 2 + 1) / 7)
    assert result.current.answered == 7
    assert result.current.unanswered == {"not_applicable": 1, "not_shown": 1}
    assert result.current.responses == 9
    assert "each loop" in result.notes[-1]
    assert describe_answers(result.current) == (
        "7 answers of 5 respondents; 1 not applicable, 1 not shown"
    )
    assert result.current.interval_reason == "several_answers_per_respondent"


def test_each_loop_has_the_weight_of_its_response(bought: Account) -> None:
    """3 1 and 3 weigh 3 each, 2 3 weigh 2 each; the others have no weight."""
    result = bought.measure(query("average", "QID1", weight="question:1_QID1"))
    assert result.current.value == pytest.approx((3 * (3 + 1 + 3) + 2 * (2 + 3)) / 13)
    assert result.current.effective_n == pytest.approx(13**2 / 35)
    assert result.current.unanswered == {
        "not_applicable": 1,
        "not_shown": 1,
        "weight_missing": 2,
    }


def test_a_question_of_every_loop_is_no_weight(bought: Account) -> None:
    """A response would have several weights."""
    error = error_of(bought.fetch(query("average", "QID1", weight="question:QID3_1")))
    assert isinstance(error, CalculationRefused)
    assert "each loop" in error.message


def test_weighted_totals_of_loops_are_added() -> None:
    """A loop with totals is added to a loop with counts per answer."""
    one = WeightSum(2.0, 2.0)
    merged = merge(
        [
            tally(4),
            tally(
                2,
                answers={"1": 2},
                weights=Weights(answered=one, answers={"1": one}),
            ),
            tally(
                2,
                totals=Totals(
                    sum=7,
                    minimum=3,
                    maximum=4,
                    squares=25,
                    weighted=WeightedTotals(wx=7, w2x=7, w2x2=25),
                ),
                weights=Weights(answered=one),
            ),
        ]
    )
    assert isinstance(merged, Tally)
    total = merged.window("current").total
    assert total.totals == Totals(
        sum=9,
        minimum=1,
        maximum=4,
        squares=27,
        weighted=WeightedTotals(wx=9, w2x=9, w2x2=27),
    )
    assert total.weights == Weights(answered=WeightSum(4.0, 4.0))


def test_excluded_responses_count_once(bought: Account) -> None:
    """One unfinished response and one preview are excluded, regardless of their loops."""
    result = bought.measure(query("average", "QID1"))
    assert result.current.excluded == {"unfinished": 1, "preview": 1}
    assert result.current.recorded == 11
    included = bought.measure(query("average", "QID1", include=[ExclusionReason.UNFINISHED]))
    assert included.current.answered == 10
    assert included.current.excluded == {"preview": 1}


@pytest.mark.parametrize(
    ("loop", "label", "answers"),
    [("1", "Lamp", "332"), ("4", "Rug", "132"), ("9", "Chair", "1")],
)
def test_each_loop_has_its_own_numbers(
    bought: Account, loop: str, label: str, answers: str
) -> None:
    """Each loop is a separate sub-question of the combined one."""
    with bought.session() as session:
        question = session.questions("SV_connector0000001").question("QID1")
    assert [part.text for part in question.sub_questions if part.id == f"{loop}_QID1"] == [label]
    result = bought.measure(query("distribution", f"{loop}_QID1"))
    assert {group.key: group.answered for group in result.groups if group.answered} == (
        Counter(answers)
    )
    assert result.current.responses == 6


def test_a_distribution_and_boxes_are_of_all_answers(bought: Account) -> None:
    """The denominator is the number of answers in all loops."""
    result = bought.measure(query("distribution", "QID1"))
    assert {group.key: group.answered for group in result.groups} == {"1": 2, "2": 2, "3": 3}
    assert sum(group.value or 0 for group in result.groups) == pytest.approx(100)
    assert bought.measure(query("top_box", "QID1")).current.value == pytest.approx(300 / 7)


def test_shares_of_a_multiple_choice_question_in_loops(bought: Account) -> None:
    """Four loops have an answer; three include the price and two the look."""
    result = bought.measure(query("distribution", "QID2"))
    assert result.current.answered == 4
    assert {group.key: group.value for group in result.groups} == {"1": 75, "2": 50}
    either = bought.measure(query("share", "QID2", answers=["1", "2"]))
    assert either.current.value == 100
    assert bought.measure(query("share", "QID2", answers=["2"])).current.value == 50


def test_numbers_texts_and_rows_are_combined(bought: Account) -> None:
    """A slider item, a text, a matrix row and their parent combine all loops."""
    cost = bought.measure(query("average", "QID3_1")).current
    assert (cost.value, cost.answered) == (20, 3)
    assert cost.unanswered == {"not_shown": 3, "unreadable": 1}
    assert bought.measure(query("answered", "QID4")).current.value == 1
    assert bought.measure(query("average", "QID5_1")).current.value == 2
    assert bought.measure(query("responses", "QID3")).current.answered == 4


def test_loops_are_in_the_group_and_window_of_their_response(bought: Account) -> None:
    """Loops have the field values and the date of the response."""
    result = bought.measure(query("average", "QID1", group_by="field:Region"))
    north, south = sorted(result.groups, key=lambda group: group.key)
    assert (north.key, north.answered, north.responses) == ("North", 3, 3)
    assert (south.key, south.answered, south.responses) == ("South", 3, 5)
    assert north.value == south.value == pytest.approx(7 / 3)
    assert result.ungrouped == 1
    january = bought.measure(query("average", "QID1", windows=[JANUARY])).current
    assert (january.value, january.answered, january.responses) == (1, 1, 2)
    months = bought.measure(query("answered", "QID1", group_by="period:month"))
    assert {group.key: group.value for group in months.groups} == {"2026-01": 1, "2026-02": 6}


def test_a_filter_matches_an_answer_in_any_loop(bought: Account) -> None:
    """Two people gave the answer, and they went through three loops."""
    bad = Filter(kind="question", of="QID1", values=("1",))
    assert bought.measure(query("responses", filters=[bad])).current.value == 2
    assert bought.measure(query("responses", "QID1", filters=[bad])).current.value == 3
    cheap = Filter(kind="question", of="QID2", values=("1",))
    assert bought.measure(query("responses", filters=[cheap])).current.value == 2
    others = cheap.model_copy(update={"exclude": True})
    assert bought.measure(query("responses", filters=[others])).current.value == 4


def test_invalid_uses_of_combined_loops_are_rejected(bought: Account) -> None:
    """One response can be in several groups, and a number in loops is not a filter."""
    outcomes = bought.fetch(
        query("responses", query_id="group", group_by="question:QID1"),
        query(
            "responses",
            query_id="filter",
            filters=[Filter(kind="question", of="QID3_1", values=("1",))],
        ),
        query("responses", query_id="loop", group_by="question:1_QID1"),
    )
    assert type(error_of(outcomes, "group")) is GroupingRefused
    assert type(error_of(outcomes, "filter")) is QueryInvalid
    assert isinstance(outcomes["loop"], Tally)


def test_all_loops_of_a_survey_come_from_one_export(bought: Account) -> None:
    """The survey is exported once, regardless of the number of loops."""
    before = len(bought.exports())
    bought.fetch(query("average", "QID1", query_id="a"), query("average", "4_QID1", query_id="b"))
    assert len(bought.exports()) == before + 1


def test_an_empty_export_has_no_loops(bought: Account) -> None:
    """A ZIP archive without files has no responses."""
    bought.sandbox.state.add_fault("export_file", kind="empty_zip")
    assert bought.measure(query("answered", "QID1")).current.recorded == 0


def tally(answered: int, *, never: int = 0, **counts: object) -> Tally:
    """Return the tally of one loop."""
    unanswered: Mapping[str, int] = {"not_shown": never} if never else {}
    total = Counts.model_validate(
        {
            "responses": answered + never,
            "answered": answered,
            "unanswered": unanswered,
            **counts,
        }
    )
    return Tally(windows=(WindowTally(total=total),), as_of=datetime(2026, 1, 1, tzinfo=UTC))


def test_totals_and_answers_are_added() -> None:
    """A loop with totals is added to loops with counts per answer."""
    merged = merge(
        [
            tally(4, never=1),
            tally(2, answers={"1.5": 1, "-2": 1}, never=3),
            tally(3, totals=Totals(sum=30, minimum=5, maximum=20), never=2),
        ]
    )
    assert isinstance(merged, Tally)
    total = merged.window("current").total
    assert total.totals == Totals(sum=29.5, minimum=-2, maximum=20)
    assert (total.answers, total.answered, total.responses) == ({}, 5, 6)


def test_an_error_in_one_loop_is_the_error_of_all() -> None:
    """A sum without one of its loops would be wrong."""
    refused = GroupingRefused("Too many.")
    assert merge([tally(1), tally(1), refused]) is refused
    assert merge([refused]) is refused
    alone = tally(3)
    assert merge([alone]) is alone
