"""The numbers of the source equal those counted from the raw answers of the real server.

``recordings/expected`` was counted with plain Python from what was entered, not from an export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from plugins.limesurvey.tests.replay_server import ReplayServer, recordings
from plugins.limesurvey.tests.support import count, query, session
from smaply_metrics_core import (
    Counts,
    GroupingRefused,
    QuestionKind,
    Questionnaire,
    Tally,
    WindowTally,
)
from smaply_metrics_core.calculations import calculate
from tests.shared_data import LIMESURVEY

FOLDER: Final = Path(__file__).parent / "recordings" / "expected"
SURVEYS: Final = ("910001", "910002", "910003", "910005")
"""The surveys of which everything was recorded that the source asks for."""
STUDIES: Final = ("910011",)

Expected = Mapping[str, Any]


@cache
def _expected(survey_id: str) -> Expected:
    folder = LIMESURVEY / "expected" if survey_id in STUDIES else FOLDER
    found: Expected = json.loads((folder / f"{survey_id}.json").read_text(encoding="utf-8"))
    return found


def _group(questionnaire: Questionnaire, code: str) -> str:
    """Return the group-by of a question; a hidden text is a field."""
    is_field = any(one.name == code for one in questionnaire.fields)
    return f"{'field' if is_field else 'question'}:{code}"


@cache
def _found(
    survey_id: str,
) -> tuple[Questionnaire, Mapping[str, WindowTally], Mapping[str, float | None]]:
    """Return the questionnaire, the counts by query and the value of each calculation."""
    server = ReplayServer(recordings(studies=survey_id in STUDIES))
    with session(server.answer) as opened:
        questionnaire = opened.questions(survey_id)
        queries = [
            query(survey_id, None, "responses"),
            query(survey_id, None, "responses", group_by="period:month"),
        ]
        groups = {
            name[3:]
            for one in _expected(survey_id)["questions"].values()
            for name in one
            if name.startswith("by_")
        }
        for question in questionnaire.walk():
            queries += [
                query(survey_id, question.id, one)
                for one in question.calculations
                if one not in {"share", "net_score"}  # These need answers.
            ]
            if question.calculations:
                queries.append(query(survey_id, question.id, "answered", group_by="period:month"))
            for group in groups - {"month", "month_utc_differs"} if question.calculations else ():
                queries.append(
                    query(survey_id, question.id, "answered", group_by=_group(questionnaire, group))
                )
            if question.kind is QuestionKind.GROUP:
                queries.append(query(survey_id, question.id, "answered", group_by="row"))
        answers = opened.fetch(survey_id, queries)
    counts, values = {}, {}
    for one in queries:
        tally = answers[one.id]
        if isinstance(tally, GroupingRefused):
            continue  # Rows with different answers.
        assert isinstance(tally, Tally), (one.id, tally)
        counts[one.id] = tally.window("current")
        if one.definition.group_by is None and one.definition.calculation != "distribution":
            values[one.id] = calculate(one, tally, tally.as_of).current.value
    return questionnaire, counts, values


def _comparisons() -> list[tuple[str, str]]:
    """Return each question with expected numbers."""
    surveys = (*SURVEYS, *(STUDIES if LIMESURVEY.is_dir() else ()))
    return [(survey, question) for survey in surveys for question in _expected(survey)["questions"]]


@pytest.mark.parametrize("survey_id", SURVEYS)
def test_responses(survey_id: str) -> None:
    """Complete responses count, and incomplete ones are excluded and counted."""
    _, counts, _ = _found(survey_id)
    expected = _expected(survey_id)["responses"]
    window = counts["None responses"]
    assert window.total.responses == expected["complete"]
    assert dict(window.excluded) == (
        {"unfinished": expected["incomplete"]} if expected["incomplete"] else {}
    )


def test_all_rows_of_an_array() -> None:
    """Each row is counted as alone, in the order of the questionnaire; most arrays have rows."""
    compared = []
    for questionnaire, counts, _ in map(_found, SURVEYS):
        for question in questionnaire.walk():
            window = counts.get(f"{question.id} answered row")
            if window is None:
                continue
            rows = [(one.key, one.label, one.counts) for one in window.groups]
            compared.append(question.id)
            assert rows == [
                (row.id, row.text, counts[f"{row.id} answered"].total)
                for row in question.sub_questions
                if row.kind is not QuestionKind.TEXT
            ]
    assert len(compared) > 1, compared


@pytest.mark.parametrize(("survey_id", "question"), _comparisons())
def test_question(survey_id: str, question: str) -> None:
    """Counts, distribution, values, months and groups of a question equal the expected ones."""
    expected = _expected(survey_id)["questions"][question]
    if "rank_of_item" in expected:
        _compare_ranks(survey_id, question, expected)
    elif "ticked_something" in expected:
        _compare_ticked(survey_id, question, expected)
    elif question.startswith("achk"):
        _compare_check_box(survey_id, question, expected)
    else:
        _compare(survey_id, question, expected)


def _compare(survey_id: str, question: str, expected: Expected) -> None:
    questionnaire, counts, values = _found(survey_id)
    kind = questionnaire.question(question).kind
    total = counts[f"{question} answered"].total
    _compare_counts(total, expected, kind)
    for name in ("average", "sum", "minimum", "maximum", "nps"):
        key = f"{question} {name}"
        if (
            expected["answered"]
            and expected.get(name) is not None
            and kind is not QuestionKind.TEXT
        ):
            assert values[key] == pytest.approx(expected[name]), name
    for group, name in (
        ("period:month", "by_month"),
        *(
            (_group(questionnaire, one[3:]), one)
            for one in expected
            if one.startswith("by_") and "month" not in one
        ),
    ):
        if name not in expected:
            continue
        found = counts[f"{question} answered {group}"].groups
        keys = {
            one.key[:7] if name == "by_month" else one.key: one.counts
            for one in found
            if one.counts.responses
        }
        assert keys.keys() == expected[name].keys()
        for key, one in keys.items():
            _compare_counts(one, expected[name][key], kind)


def _compare_counts(found: Counts, expected: Expected, kind: QuestionKind) -> None:
    assert found.responses == expected["responses"]
    assert found.answered == expected["answered"]
    unanswered = {
        "not_answered": expected["empty_or_null"],
        "not_applicable": sum(expected.get("left_out_codes", {}).values()),
    }
    assert {name: n for name, n in found.unanswered.items() if n} == {
        name: n for name, n in unanswered.items() if n
    }
    if "distribution" not in expected or kind in {QuestionKind.TEXT, QuestionKind.OTHER}:
        return  # Free text is never counted by answer.
    number = kind is QuestionKind.NUMBER
    answers = {
        f"{float(key):g}" if number else key: n for key, n in expected["distribution"].items()
    }
    given = {f"{float(key):g}" if number else key: n for key, n in found.answers.items() if n}
    assert given == answers


def _compare_ticked(survey_id: str, question: str, expected: Expected) -> None:
    total = _found(survey_id)[1][f"{question} answered"].total
    assert total.responses == expected["responses"]
    assert total.answered == expected["ticked_something"]
    assert dict(total.answers) == expected["counts"]


def _compare_check_box(survey_id: str, question: str, expected: Expected) -> None:
    """A cell of check boxes is a choice of its row; a loaded “0” is not ticked."""
    row, _, column = question.rstrip("]").partition("_")
    total = _found(survey_id)[1][f"{row}] answered"].total
    assert total.answers[column] == expected["distribution"]["1"]


def _compare_ranks(survey_id: str, question: str, expected: Expected) -> None:
    _, counts, values = _found(survey_id)
    for item, places in expected["rank_of_item"].items():
        answers = counts[f"{question}:{item} answered"].total.answers
        assert {f"{float(key):g}": n for key, n in answers.items() if n} == {
            key: n for key, n in places.items() if n
        }
        average = expected["average_rank_where_ranked"][item]
        assert values[f"{question}:{item} average"] == pytest.approx(average)


@pytest.mark.parametrize("survey_id", ["910001", "910002", "910003"])
def test_months_in_another_zone(survey_id: str) -> None:
    """The same responses belong to other months in UTC, around midnight of the server."""
    questions = _expected(survey_id)["questions"]
    name, expected = next(one for one in questions.items() if "by_month_utc_differs" in one[1])
    months = {**expected["by_month"], **expected["by_month_utc_differs"]}
    one = query(survey_id, name, "answered", group_by="period:month", zone="UTC")
    found = count(ReplayServer().answer, one).groups
    assert {group.key[:7]: group.counts.responses for group in found} == {
        month: numbers["responses"] for month, numbers in months.items()
    }
