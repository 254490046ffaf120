"""Questions are listed in the order in which respondents meet them, as exports have them."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import mc
from plugins.qualtrics.tests.connector.support import read_survey_with as read
from smaply_metrics_qualtrics.survey.flow import question_order


def block(*question_ids: str, **more: object) -> dict[str, Any]:
    """Return a block with these questions."""
    elements = [{"Type": "Question", "QuestionID": one} for one in question_ids]
    return {"Type": "Standard", "BlockElements": elements, **more}


def shown(block_id: str, kind: str = "Standard") -> dict[str, Any]:
    """Return a flow element that shows a block."""
    return {"Type": kind, "ID": block_id, "FlowID": f"FL_{block_id}"}


def nested(kind: str, *flow: dict[str, Any]) -> dict[str, Any]:
    """Return a flow element with others inside."""
    return {"Type": kind, "FlowID": f"FL_{kind}", "Flow": list(flow)}


BLOCKS = {
    "BL_3": block("QID5"),
    "BL_1": block("QID2", "QID1"),
    "BL_2": block("QID3", "QID4"),
}
QUESTIONS = {f"QID{n}": mc(f"Question {n}", {"1": "A"}) for n in range(1, 7)}
IN_FLOW = ["QID2", "QID1", "QID3", "QID4", "QID5"]


def order(flow: list[dict[str, Any]], blocks: object = None) -> tuple[list[str], tuple[str, ...]]:
    """Return the ids of the listed questions, and the notes of the questionnaire."""
    listed = read(
        QUESTIONS, Blocks=blocks or BLOCKS, SurveyFlow={"Type": "Root", "Flow": flow}
    ).questionnaire
    return [question.id for question in listed.questions], listed.notes


@pytest.mark.parametrize(
    "flow",
    [
        [shown("BL_1"), shown("BL_2"), shown("BL_3")],
        [shown("BL_1", "Block"), nested("Group", shown("BL_2")), shown("BL_3", "Block")],
        [nested("Branch", shown("BL_1")), nested("Branch", shown("BL_2"), shown("BL_3"))],
        [nested("BlockRandomizer", shown("BL_1"), nested("Group", shown("BL_2"), shown("BL_3")))],
        [
            nested("BlockRandomizer", nested("BlockRandomizer", shown("BL_1")), shown("BL_2")),
            shown("BL_3"),
        ],
        [shown("BL_1"), shown("BL_2"), shown("BL_1"), shown("BL_3"), shown("BL_2")],
        [
            nested("Authenticator", shown("BL_1"), shown("BL_2")),
            {"Type": "EndSurvey"},
            shown("BL_3"),
        ],
    ],
)
def test_questions_follow_the_flow(flow: list[dict[str, Any]]) -> None:
    """Groups, branches and randomizers count where they are, and a block where it is first."""
    assert order(flow)[0] == [*IN_FLOW, "QID6"]
    as_list = [{**one, "ID": block_id} for block_id, one in BLOCKS.items()]
    assert order(flow, as_list)[0] == [*IN_FLOW, "QID6"]


def test_questions_outside_of_the_flow_are_last() -> None:
    """They are listed in block order because earlier answers are exported; a note counts them."""
    ids, notes = order([shown("BL_2")])
    assert ids == ["QID3", "QID4", "QID5", "QID2", "QID1", "QID6"]
    assert notes == ("4 questions at the end are not part of the survey flow.",)
    one = order([shown("BL_1"), shown("BL_2"), shown("BL_3")])[1]
    assert one == ("1 question at the end of the list is not part of the survey flow.",)


def test_without_a_flow_questions_are_in_block_order() -> None:
    """Nothing is said to be outside of a flow that is unknown."""
    ids, notes = order([shown("BL_9"), {"Type": "EmbeddedData"}])
    assert ids == ["QID5", "QID2", "QID1", "QID3", "QID4", "QID6"]
    assert notes == ()


def test_the_trash_is_hidden_wherever_it_is() -> None:
    """A deleted question is hidden even if the flow shows its block, unless it is elsewhere too."""
    blocks = {**BLOCKS, "BL_3": block("QID5", "QID1", Type="Trash")}
    ids, notes = order([shown("BL_3"), shown("BL_2"), shown("BL_1")], blocks)
    assert ids == ["QID3", "QID4", "QID2", "QID1", "QID6"]
    assert notes[0] == "1 deleted question is hidden."


def test_a_deep_flow_is_read() -> None:
    """Groups can be nested deeply."""
    flow = shown("BL_2")
    for _ in range(3_000):
        flow = nested("Group", flow)
    assert order([flow, shown("BL_1")])[0][:3] == ["QID3", "QID4", "QID2"]


@pytest.mark.parametrize("kind", [[], {"DB": 1}, None, 7])
def test_questions_outside_of_the_flow_can_have_any_type(kind: object) -> None:
    """A definition can contain anything where the type of a question is expected."""
    questions = {**QUESTIONS, "QID5": {"QuestionText": "Odd", "QuestionType": kind}}
    flow = {"Type": "Root", "Flow": [shown("BL_1"), shown("BL_2")]}
    listed = read(questions, Blocks=BLOCKS, SurveyFlow=flow).questionnaire
    assert listed.notes == ("2 questions at the end are not part of the survey flow.",)


def test_the_loops_of_a_block_are_labelled_once() -> None:
    """The work is that of the block's loops, not of its loops times its questions."""
    loops = {str(n): {"1": f"Shop {n}"} for n in range(3)}
    options = {"Looping": "Static", "LoopingOptions": {"Static": loops}}
    blocks = {"BL_1": block("QID1", "QID2", Options=options)}
    found = question_order({"Blocks": blocks}, QUESTIONS, {}).loops
    assert found["QID1"] == {"0": "Shop 0", "1": "Shop 1", "2": "Shop 2"}
    assert found["QID1"] is found["QID2"]
