"""Names that look like columns of something else: fields, question ids, scores and orders.

What a column is depends on the survey alone: not on its name, and not on which other columns an
export contains. Each metric is therefore measured alone, beside a metric of the field, beside one
of a score, for which the export contains all columns, and from the export of a debug bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.stub_api import SEEN, StubApi, StubColumn
from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    Json,
    embedded,
    error_of,
    mc,
    query,
    survey_definition,
)
from smaply_metrics_core import Filter, QuestionUnavailable

DEEP = pytest.mark.deep(reason="6 s: every combination of names")


TYPICAL = 3


def typical_first(names: Iterable[str], others: Sequence[object]) -> list[pytest.ParameterSet]:
    """Return every combination of names, of which three run on every change."""
    return [
        pytest.param(
            name, other, marks=() if number < TYPICAL and place == number % len(others) else DEEP
        )
        for number, name in enumerate(names)
        for place, other in enumerate(others)
    ]


SCALE = {str(n): str(n) for n in range(1, 6)}
SCORING = {"ScoringCategories": [{"ID": "SC_0", "Name": "Health"}]}
SCORE = StubColumn("SC_0", "score", ["7", "8", "9"])
LOOPS = {
    "BL_1": {
        "Type": "Standard",
        "ID": "BL_1",
        "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}],
        "Options": {
            "Looping": "Static",
            "LoopingOptions": {"Static": {"1": {"1": "Shop"}, "2": {"1": "Web"}}},
        },
    }
}


def flow(*names: str) -> dict[str, Any]:
    """Return a survey flow that declares these fields."""
    return {"Type": "Root", "Flow": [embedded(*names), {"Type": "Block", "ID": "BL_1"}]}


def survey(folder: Path, *columns: StubColumn, schema: Json = None, **definition: Json) -> StubApi:
    """Return an account with a survey that has a score, and these columns and parts."""
    parts = {"QID1": mc("Rate", SCALE), **definition.pop("questions", {})}
    body = survey_definition(parts, Scoring=SCORING, **definition)
    ordered = [*(c for c in columns if c.owner != "field"), SCORE]
    return StubApi(folder, body, [*ordered, *(c for c in columns if c.owner == "field")], schema)


def same_beside_siblings(api: StubApi, calculation: str, question: str, field: str) -> float | None:
    """Return a value after checking that it is the same alone and beside siblings."""
    wanted = query(calculation, question)
    by_field = query("responses", query_id="field", group_by=f"field:{field}")
    of_score = query("average", "SC_0", query_id="score")
    results = [
        api.measure(wanted, *siblings)
        for siblings in ((), (by_field,), (of_score,), (by_field, of_score))
    ]
    bundle = replace(api, every_column=True)
    results += [bundle.measure(wanted), bundle.measure(wanted, by_field)]
    assert len({(one.current.value, one.current.answered) for one in results}) == 1
    return results[0].current.value


LOOPED = (
    StubColumn("1_QID1", "QID1", ["1", "2", ""]),
    StubColumn("2_QID1", "QID1", ["5", "", ""]),
)


@pytest.mark.parametrize(
    ("name", "declared"),
    typical_first(("3_QID1", "QID1", "Wave1_QID1", "x_QID1", "old_QID1", "Q1"), (True, False)),
)
def test_a_field_is_not_a_loop(tmp_path: Path, name: str, *, declared: bool) -> None:
    """Its values do not enter the loops of the question, and it can be grouped by."""
    api = survey(
        tmp_path,
        *LOOPED,
        StubColumn(name, "field", ["3", "4", "4"]),
        schema={name: {"dataType": "embeddedData", "type": "string"}},
        SurveyFlow=flow(name) if declared else flow(),
        Blocks=LOOPS,
    )
    assert same_beside_siblings(api, "average", "QID1", name) == pytest.approx(8 / 3)
    assert same_beside_siblings(api, "average", "1_QID1", name) == 1.5
    groups = api.measure(query("responses", group_by=f"field:{name}")).groups
    assert {group.key: group.responses for group in groups} == {"3": 1, "4": 2}
    four = Filter(kind="field", of=name, values=("4",))
    assert api.measure(query("responses", filters=[four])).current.value == 2


@pytest.mark.parametrize(
    ("name", "declared"),
    typical_first(
        ("QID1_1", "QID1_TEXT", "QID1_0", "QID1_9", "QID1#1_2", "QID1_FIRST_CLICK"), (True, False)
    ),
)
def test_a_field_is_not_a_part_of_a_question(tmp_path: Path, name: str, *, declared: bool) -> None:
    """A question that is answered if any of its columns is filled does not count it."""
    api = survey(
        tmp_path,
        StubColumn({"ImportId": "QID1_0", "coordinate": "x"}, "QID1", ["10", "", ""]),
        StubColumn(name, "field", ["a", "b", "b"]),
        questions={"QID1": {"QuestionText": "Where", "QuestionType": "HeatMap"}},
        schema={name: {"dataType": "embeddedData", "type": "string"}},
        SurveyFlow=flow(name) if declared else flow(),
    )
    assert same_beside_siblings(api, "answered", "QID1", name) == 1
    groups = api.measure(query("responses", group_by=f"field:{name}")).groups
    assert {group.key: group.responses for group in groups} == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("name", "declared"), typical_first(("QID1#1_1", "QID1#2_1", "QID1#2_1_1"), (True, False))
)
def test_a_field_is_not_a_column_of_a_side_by_side_question(
    tmp_path: Path, name: str, *, declared: bool
) -> None:
    """The whole question is not answered because a field with the name of a column is filled."""
    side = {
        "QuestionType": "SBS",
        "Choices": {"1": {"Display": "Speed"}},
        "AdditionalQuestions": {
            "1": {**MATRIX, "Answers": SCALE},
            "2": {"QuestionType": "TE", "Answers": {"1": {"Display": "Why"}}},
        },
    }
    api = survey(
        tmp_path,
        StubColumn("QID1#1_1", "QID1", ["1", "", ""]),
        StubColumn("QID1#2_1_1", "QID1", ["", "x", ""]),
        StubColumn(name, "field", ["a", "b", "b"]),
        questions={"QID1": side},
        schema={name: {"dataType": "embeddedData", "type": "string"}},
        SurveyFlow=flow(name) if declared else flow(),
    )
    assert same_beside_siblings(api, "answered", "QID1", name) == 2


def rows_of(name: str) -> StubColumn:
    """Return a column of a matrix."""
    return StubColumn(name, "QID1", ["1", "2", "2"])


@pytest.mark.parametrize(
    ("question", "name", "body", "columns"),
    [
        ("QID1", "QID1", mc("Rate", SCALE), [rows_of("QID1")]),
        ("QID1_1", "QID1_1", {**MATRIX}, [rows_of("QID1_1"), rows_of("QID1_7")]),
        (
            "QID1",
            "QID1_TEXT",
            {
                "QuestionType": "TE",
                "Selector": "SL",
                "Validation": {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}},
            },
            [rows_of("QID1_TEXT")],
        ),
        ("SC_0", "SC_0", mc("Rate", SCALE), [rows_of("QID1")]),
        ("1_QID1", "1_QID1", None, LOOPED),
        ("QID1", "2_QID1", None, LOOPED),
    ],
)
def test_a_field_can_have_the_id_of_a_column(
    tmp_path: Path, question: str, name: str, body: Json, columns: list[StubColumn]
) -> None:
    """Both columns are measured separately, alone and beside each other."""
    looped = {"Blocks": LOOPS} if body is None else {"questions": {"QID1": body}}
    api = survey(
        tmp_path,
        *columns,
        StubColumn(name, "field", ["3", "4", "4"]),
        SurveyFlow=flow(name),
        **looped,
    )
    same_beside_siblings(api, "average", question, name)
    by_field = query("responses", group_by=f"field:{name}")
    for siblings in ((), (query("average", question, query_id="x"),)):
        groups = api.measure(by_field, *siblings).groups
        assert {group.key: group.responses for group in groups} == {"3": 1, "4": 2}


@pytest.mark.parametrize("name", ["duration", "progress", "userLanguage", "status"])
def test_a_field_can_have_the_name_of_metadata(tmp_path: Path, name: str) -> None:
    """The field is the last of two equal columns, and alone if the metadata is not exported."""
    api = survey(
        tmp_path,
        StubColumn("QID1", "QID1", ["1", "2", "2"]),
        StubColumn(name, "field", ["3", "4", "4"]),
        SurveyFlow=flow(name),
    )
    groups = api.measure(query("responses", group_by=f"field:{name}")).groups
    assert {group.key: group.responses for group in groups} == {"3": 1, "4": 2}
    everything = StubApi(
        tmp_path, api.definition, [StubColumn(name, "score", ["x", "x", "x"]), *api.columns]
    )
    wanted = query("responses", group_by=f"field:{name}")
    if name != "status":
        result = everything.measure(wanted, query("average", "SC_0", query_id="score"))
        assert {group.key: group.responses for group in result.groups} == {"3": 1, "4": 2}


ANY_COLUMN: dict[str, Callable[[str], list[Json]]] = {
    "HeatMap": lambda qid: [{"ImportId": f"{qid}_1", "coordinate": "x"}],
    "Meta": lambda qid: [f"{qid}_BROWSER", f"{qid}_OS"],
    "FileUpload": lambda qid: [f"{qid}_FILE_ID"],
    "PGR": lambda qid: [f"{qid}_1_GROUP", f"{qid}_G1_2_RANK"],
    "SBS": lambda qid: [f"{qid}#1_2"],
    "Unheard": lambda qid: [qid],
}
"""The columns of a question of each type that is counted by any of them."""


@pytest.mark.parametrize(
    ("kind", "question_id"),
    typical_first(ANY_COLUMN, ("QIDIntro", "QID1_copy", "QID-7", "Intro", "QID12")),
)
def test_question_ids_need_not_be_numbers(tmp_path: Path, question_id: str, kind: str) -> None:
    """A type that is counted by any of its columns is counted by those of its own id."""
    columns = ANY_COLUMN[kind]
    body = {"QuestionText": "Where", "QuestionType": kind}
    api = survey(
        tmp_path,
        *(StubColumn(key, "QID1", ["", "", "1"]) for key in columns("QID1")),
        *(StubColumn(key, question_id, ["1", "1", ""]) for key in columns(question_id)),
        questions={"QID1": body, question_id: body},
    )
    both = [query("answered", "QID1", query_id="1"), query("answered", question_id)]
    outcomes = [api.measure(both[0]), api.measure(*both), api.measure(*reversed(both))]
    assert [one.current.value for one in outcomes] == [1, 1, 2]


def test_choices_are_carried_from_a_question_without_a_number(tmp_path: Path) -> None:
    """The locator names the id of the question."""
    carried = mc("Best", {}, Choices=[])
    carried["DynamicChoices"] = {"Locator": "q://QIDIntro/ChoiceGroup/SelectedChoices"}
    api = survey(
        tmp_path,
        StubColumn("QID1", "QID1", ["x1", "2", "2"]),
        questions={"QIDIntro": mc("Used", {"1": "Red", "2": "Blue"}), "QID1": carried},
    )
    result = api.measure(query("distribution", "QID1"))
    assert {group.label: group.answered for group in result.groups} == {"Red": 1, "Blue": 2}


def over_answers(*, schema: bool = True) -> dict[str, Any]:
    """Return the blocks, questions and schema of loops over the answers of QID2."""
    options = {"QID": "QID2", "Static": []}
    block = {**LOOPS["BL_1"], "Options": {"Looping": "Question", "LoopingOptions": options}}
    loop = {"dataType": "question", "questionId": "QID1", "loopNumber": "4"}
    return {
        "Blocks": {"BL_1": block},
        "SurveyFlow": flow(),
        "questions": {"QID2": mc("Which", {"4": "Lamp", "7": "Rug"}, Selector="MAVR")},
        "schema": {
            "4_QID1": loop,
            "x7_QID1": loop,
            "old_QID1": {"dataType": "embeddedData", "type": "string"},
        }
        if schema
        else None,
    }


OVER_ANSWERS = (
    StubColumn("4_QID1", "QID1", ["1", "2", ""]),
    StubColumn("x7_QID1", "QID1", ["5", "", ""]),
    StubColumn("old_QID1", "field", ["3", "3", "3"]),
)


def test_loops_over_answers_come_from_the_schema(tmp_path: Path) -> None:
    """A metric of all loops is the same beside any other metric."""
    api = survey(tmp_path, *OVER_ANSWERS, **over_answers())
    assert same_beside_siblings(api, "average", "QID1", "old_QID1") == pytest.approx(8 / 3)


def test_without_the_schema_unlisted_loops_are_an_error(tmp_path: Path) -> None:
    """A number from some of the loops would be wrong, and other metrics are not affected."""
    api = survey(tmp_path, *OVER_ANSWERS, **over_answers(schema=False))
    outcomes = api.fetch(query("average", "QID1"), query("average", "SC_0", query_id="score"))
    assert error_of(outcomes).kind != QuestionUnavailable("").kind
    assert not isinstance(outcomes["score"], Exception)


NUMBERS = {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}}


@pytest.mark.parametrize("validation", [None, NUMBERS], ids=["text", "number"])
def test_a_seen_loop_is_the_same_beside_other_metrics(tmp_path: Path, validation: Json) -> None:
    """Whether a loop was seen does not depend on the other questions of an export."""
    elements = [{"Type": "Question", "QuestionID": one} for one in ("QID1", "QID2")]
    text = {"QuestionType": "TE", "Selector": "SL", "Validation": validation}
    api = survey(
        tmp_path,
        *LOOPED,
        StubColumn("1_QID2_TEXT", "QID2", ["1", SEEN, SEEN]),
        StubColumn("2_QID2_TEXT", "QID2", ["2", SEEN, ""]),
        questions={"QID2": text},
        Blocks={"BL_1": {**LOOPS["BL_1"], "BlockElements": elements}},
    )
    wanted = query("responses", "QID2")
    alone = api.measure(wanted).current
    assert (alone.answered, alone.responses) == (2, 5)
    assert api.measure(wanted, query("average", "QID1", query_id="x")).current == alone


def test_listed_loops_need_no_schema(tmp_path: Path) -> None:
    """The definition lists the loops of a block that has its own."""
    api = survey(tmp_path, *LOOPED, Blocks=LOOPS)
    assert api.measure(query("average", "QID1")).current.value == pytest.approx(8 / 3)
    assert not any(path.endswith("/response-schema") for path in api.calls)


def test_a_numeric_field_that_looks_like_a_question_is_averaged(tmp_path: Path) -> None:
    """It is a question of its own, with the id of a field."""
    api = survey(
        tmp_path,
        StubColumn("QID1", "QID1", ["1", "2", "2"]),
        StubColumn("QID1_1", "field", ["30", "40", "50"]),
        SurveyFlow={"Type": "Root", "Flow": [embedded("QID1_1", kind="Number")]},
    )
    assert api.measure(query("average", "field:QID1_1")).current.value == 40
    assert api.measure(query("average", "QID1")).current.value == pytest.approx(5 / 3)


def test_a_score_named_like_a_loop_is_a_score(tmp_path: Path) -> None:
    """Scores are those of the definition, whatever their ids."""
    definition = survey_definition(
        {"QID1": mc("Rate", SCALE)}, Scoring={"ScoringCategories": [{"ID": "1_QID1"}]}, Blocks=LOOPS
    )
    del definition["Blocks"]["BL_1"]["Options"]
    api = StubApi(
        tmp_path,
        definition,
        [StubColumn("QID1", "QID1", ["1", "3"]), StubColumn("1_QID1", "score", ["50", "70"])],
    )
    score = query("average", "1_QID1", query_id="score")
    assert api.measure(query("average", "QID1"), score).current.value == 2
    assert api.measure(score).current.value == 60
