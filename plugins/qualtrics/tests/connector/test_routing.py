"""Which respondents see a question: display logic, skip logic, and the survey flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import MATRIX, mc, survey_definition
from smaply_metrics_qualtrics.survey.definition import read_definition

Definition = dict[str, Any]
Edit = Callable[[Definition], object]


def logic(choice: str = "q://QID1/SelectableChoice/1", **more: object) -> Definition:
    """Return a condition, as display logic and branches have it."""
    expression = {
        "LogicType": "Question",
        "QuestionID": "QID1",
        "ChoiceLocator": choice,
        "Operator": "Selected",
        "Type": "Expression",
        "Description": '<span class="QuestionDesc">Question 1</span> Is Selected',
        **more,
    }
    return {"0": {"0": expression, "Type": "If"}, "Type": "BooleanExpression", "inPage": False}


def skip(to: str, **more: object) -> Definition:
    """Return a rule of skip logic."""
    rule = {"SkipLogicID": 1, "Condition": "Selected", "SkipToDestination": to, **more}
    return {**rule, "Locator": "q://QID1/SelectableChoice/1", "SkipToDescription": f"To {to}"}


def block(*question_ids: str, skips: dict[str, list[Definition]] | None = None) -> Definition:
    """Return a block; ``skips`` has the skip logic of its questions."""
    elements = [
        {"Type": "Question", "QuestionID": one, "SkipLogic": (skips or {}).get(one, [])}
        for one in question_ids
    ]
    return {"Type": "Standard", "BlockElements": [*elements, {"Type": "Page Break"}]}


def shows(block_id: str) -> Definition:
    """Return a flow element that shows a block."""
    return {"Type": "Standard", "ID": block_id, "FlowID": f"FL_{block_id}"}


def branch(*flow: Definition, **condition: str) -> Definition:
    """Return a branch of the flow."""
    return {"Type": "Branch", "FlowID": "FL_9", "BranchLogic": logic(**condition), "Flow": [*flow]}


def randomizer(shown: object, *flow: Definition) -> Definition:
    """Return a randomizer that shows some of its elements."""
    return {"Type": "BlockRandomizer", "SubSet": shown, "EvenPresentation": True, "Flow": [*flow]}


END = {"Type": "EndSurvey", "FlowID": "FL_8"}
ONE, TWO = shows("BL_1"), shows("BL_2")
FIRST, SECOND = {"QID1", "QID2", "QID3"}, {"QID4", "QID5"}


def survey(*flow: Definition, **skips: list[Definition]) -> Definition:
    """Return a definition of two blocks, with the skip logic of some questions."""
    return survey_definition(
        {f"QID{n}": mc(f"Question {n}", {"1": "Yes"}) for n in range(1, 5)} | {"QID5": MATRIX},
        Blocks={
            "BL_1": block("QID1", "QID2", "QID3", skips=skips),
            "BL_2": block("QID4", "QID5", skips=skips),
            "BL_3": {"Type": "Trash", "BlockElements": []},
        },
        SurveyFlow={"Type": "Root", "Flow": [*flow]},
    )


PLAIN = survey(ONE, TWO)


def routings(definition: Definition) -> dict[str, str | None]:
    """Return the routing of each question."""
    found = read_definition(json.loads(json.dumps(definition)), "SV_1").questionnaire
    assert found.routing("QID5_1") == found.routing("QID5")  # Rows have that of their heading.
    return {one.id: one.routing for one in found.questions}


def changed(old: Definition, new: Definition) -> set[str]:
    """Return the questions whose routing differs."""
    before, after = routings(old), routings(new)
    return {question for question, routing in before.items() if after[question] != routing}


def with_display(**condition: object) -> Definition:
    """Return a survey in which one question has display logic."""
    definition = deepcopy(PLAIN)
    definition["Questions"]["QID3"]["DisplayLogic"] = logic(**condition)  # type: ignore[arg-type]
    return definition


REAL = {
    "display logic": (PLAIN, with_display(), {"QID3"}),
    "another condition": (
        with_display(),
        with_display(choice="q://QID1/SelectableChoice/2"),
        {"QID3"},
    ),
    "another operator": (with_display(), with_display(Operator="NotSelected"), {"QID3"}),
    "another value": (with_display(RightOperand="0"), with_display(RightOperand="1"), {"QID3"}),
    "a skip to a question": (PLAIN, survey(ONE, TWO, QID1=[skip("QID3")]), {"QID2"}),
    "a longer skip": (
        survey(ONE, TWO, QID1=[skip("QID3")]),
        survey(ONE, TWO, QID1=[skip("ENDOFBLOCK")]),
        {"QID3"},
    ),
    "another skip condition": (
        survey(ONE, TWO, QID1=[skip("QID3")]),
        survey(ONE, TWO, QID1=[skip("QID3", Condition="NotSelected")]),
        {"QID2"},
    ),
    "a skip to the end of the block": (
        PLAIN,
        survey(ONE, TWO, QID2=[skip("ENDOFBLOCK")]),
        {"QID3"},
    ),
    "a skip to the end": (
        PLAIN,
        survey(ONE, TWO, QID1=[skip("ENDOFSURVEY")]),
        {"QID2", "QID3", *SECOND},
    ),
    "a branch": (PLAIN, survey(ONE, branch(TWO)), SECOND),
    "another branch condition": (
        survey(ONE, branch(TWO)),
        survey(ONE, branch(TWO, choice="q://QID1/SelectableChoice/2")),
        SECOND,
    ),
    "a branch in a branch": (survey(ONE, branch(TWO)), survey(ONE, branch(branch(TWO))), SECOND),
    "a screen-out": (PLAIN, survey(ONE, branch(END), TWO), SECOND),
    "the end before a block": (PLAIN, survey(ONE, END, TWO), SECOND),
    "a randomizer of one": (PLAIN, survey(randomizer(1, ONE, TWO)), {*FIRST, *SECOND}),
    "a randomizer with one more": (
        survey(randomizer(1, ONE, TWO)),
        survey(randomizer("1", ONE, TWO, shows("BL_4"))),
        {*FIRST, *SECOND},
    ),
    "a block out of the flow": (PLAIN, survey(ONE), SECOND),
}

COSMETIC = {
    "the text of another question": (
        with_display(),
        with_display(Description="If <b>Another question</b> Is Selected"),
    ),
    "false or missing": (with_display(), with_display(_HiddenExpression=False, RightOperand="")),
    "a number or its text": (with_display(RightOperand="7"), with_display(RightOperand=7)),
    "logic without conditions": (
        PLAIN,
        {**PLAIN, "Questions": {**PLAIN["Questions"], "QID3": {
            **PLAIN["Questions"]["QID3"], "DisplayLogic": {"Type": "BooleanExpression"},
        }}},
    ),
    "the numbers of skips": (
        survey(ONE, TWO, QID1=[skip("QID3")]),
        survey(ONE, TWO, QID1=[skip("QID3", SkipLogicID=7, Description="<b>If</b>")]),
    ),
    "the order of skips": (
        survey(ONE, TWO, QID1=[skip("QID3"), skip("QID3", Condition="Displayed")]),
        survey(ONE, TWO, QID1=[skip("QID3", Condition="Displayed"), skip("QID3")]),
    ),
    "the order of blocks": (PLAIN, survey(TWO, ONE)),
    "groups": (PLAIN, survey({"Type": "Group", "Flow": [ONE]}, TWO)),
    "a randomizer of all": (PLAIN, survey(randomizer(2, ONE, TWO))),
    "a branch without a condition": (
        PLAIN,
        survey(ONE, {"Type": "Branch", "BranchLogic": {}, "Flow": [TWO]}),
    ),
    "a branch next to the unconditional place": (PLAIN, survey(ONE, TWO, branch(TWO))),
    "the end after all blocks": (PLAIN, survey(ONE, TWO, END)),
    "a skip at the end": (PLAIN, survey(ONE, TWO, QID5=[skip("ENDOFSURVEY")])),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "questions"), REAL.values(), ids=REAL)
def test_a_change_of_who_sees_a_question_counts(
    old: Definition, new: Definition, questions: set[str]
) -> None:
    """For the questions that the rule applies to, and for no other."""
    assert changed(old, new) == changed(new, old) == questions


@pytest.mark.parametrize(("old", "new"), COSMETIC.values(), ids=COSMETIC)
def test_other_edits_do_not_count(old: Definition, new: Definition) -> None:
    """Descriptions, defaults, numbering, and order where it does not decide."""
    assert changed(old, new) == set()


def test_the_routing_is_known_and_short() -> None:
    """It is empty for a question that everyone sees."""
    assert set(routings(PLAIN).values()) == {""}
    (rule,) = {*routings(with_display()).values()} - {""}
    assert rule is not None
    assert 16 <= len(rule) <= 64


@pytest.mark.parametrize("flow", [None, {}, {"Type": "Root", "Flow": [{"ID": "BL_7"}]}])
def test_without_a_flow_only_the_questions_decide(flow: object) -> None:
    """Definitions of some surveys have no flow, which proves nothing about who sees a question."""
    found = routings({**with_display(), "SurveyFlow": flow})
    assert {question for question, routing in found.items() if routing} == {"QID3"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: one["Questions"]["QID3"].update(DisplayLogic="no logic"),
        lambda one: one["Questions"]["QID3"].update(DisplayLogic=[[[7, None, {"Type": []}]]]),
        lambda one: one["Blocks"]["BL_1"].update(BlockElements=[7, None, {"SkipLogic": [7, {}]}]),
        lambda one: one["Blocks"]["BL_1"]["BlockElements"][0].update(SkipLogic={"0": "?"}),
        lambda one: one["SurveyFlow"]["Flow"].append({"Type": "Branch", "BranchLogic": 7}),
        lambda one: one["SurveyFlow"]["Flow"].append({"Type": "BlockRandomizer", "SubSet": [1]}),
    ],
    ids=["text", "lists", "elements", "skips", "branch", "randomizer"],
)
def test_any_shape_is_read(damage: Edit) -> None:
    """No value is assumed to have the documented type."""
    definition = deepcopy(PLAIN)
    damage(definition)
    assert None not in routings(definition).values()


def test_deep_conditions_are_read_to_a_depth() -> None:
    """Deeper ones do not decide, so that the stack is bounded."""
    deep: Definition = {"Operator": "Selected"}
    for _ in range(400):
        deep = {"0": deep}
    definition = deepcopy(PLAIN)
    definition["Questions"]["QID3"]["DisplayLogic"] = deep
    assert changed(PLAIN, definition) == set()
