"""Surveys: question types, labels, answers, fields and times."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import httpx
import polars as pl
import pytest

from plugins.limesurvey.tests.replay_server import ReplayServer, interactions, recordings
from plugins.limesurvey.tests.support import Server, count, fetch, query, session
from smaply_metrics_core import QuestionKind, Questionnaire, SourceUnavailable, Tally
from smaply_metrics_core.calculations import local_to_utc
from smaply_metrics_limesurvey.html_text import html_to_text
from smaply_metrics_limesurvey.survey.choices import labels_of, read_choices
from smaply_metrics_limesurvey.survey.columns import read_columns
from smaply_metrics_limesurvey.survey.question_types import UNKNOWN

KINDS = {
    "5": QuestionKind.SINGLE_CHOICE,
    "A": QuestionKind.GROUP,
    "B": QuestionKind.GROUP,
    "C": QuestionKind.GROUP,
    "D": QuestionKind.TEXT,
    "E": QuestionKind.GROUP,
    "F": QuestionKind.GROUP,
    "G": QuestionKind.SINGLE_CHOICE,
    "H": QuestionKind.GROUP,
    "I": QuestionKind.TEXT,
    "K": QuestionKind.GROUP,
    "L": QuestionKind.SINGLE_CHOICE,
    "M": QuestionKind.MULTIPLE_CHOICE,
    "N": QuestionKind.NUMBER,
    "O": QuestionKind.SINGLE_CHOICE,
    "P": QuestionKind.MULTIPLE_CHOICE,
    "Q": QuestionKind.GROUP,
    "R": QuestionKind.GROUP,
    "S": QuestionKind.TEXT,
    "T": QuestionKind.TEXT,
    "U": QuestionKind.TEXT,
    "Y": QuestionKind.SINGLE_CHOICE,
    "!": QuestionKind.SINGLE_CHOICE,
    "1": QuestionKind.GROUP,
    ":": QuestionKind.GROUP,
    ";": QuestionKind.GROUP,
    "|": QuestionKind.NUMBER,
}
"""The kind of each question type, except ``*`` (equation) and ``X`` (text display)."""


def questionnaire(survey_id: str) -> Questionnaire:
    """Return a recorded survey."""
    with session(ReplayServer().answer) as opened:
        return opened.questions(survey_id)


def _listed(survey_id: str) -> list[Mapping[str, Any]]:
    name = f"questions.{survey_id}"
    found = next(one for one in interactions(name) if "list_questions" in one.body)
    rows: list[Mapping[str, Any]] = json.loads(found.answer)["result"]
    return [one for one in rows if not one["parent_qid"]]


def test_every_question_type_is_read() -> None:
    """Each type of the recorded surveys has its kind, in the order of the survey."""
    seen = set()
    for survey_id in ("910001", "910002", "910003", "910004"):
        found = {one.id: one for one in questionnaire(survey_id).questions}
        listed = [one for one in _listed(survey_id) if one["type"] != "X"]
        assert [one["title"] for one in listed] == [*found]
        for one in listed:
            seen.add(one["type"])
            kind = found[one["title"]].kind
            if one["type"] in KINDS and kind not in {QuestionKind.NPS, QuestionKind.NUMBER}:
                assert kind is KINDS[one["type"]], one["title"]
    assert seen == {*KINDS, "*"}


@pytest.mark.parametrize("survey_id", ["910001", "910002", "910003", "910004", "910015"])
def test_headings_are_those_of_exports(survey_id: str) -> None:
    """The heading of each column, derived from the field map, is that of the real export."""
    name = "questions.910015" if survey_id == "910015" else f"fieldmap.{survey_id}"
    fields = next(one for one in interactions(name) if "get_fieldmap" in one.body)
    exported = [*recordings().exports[int(survey_id)][0]]
    headings = [one.heading for one in read_columns(json.loads(fields.answer)["result"])]
    assert headings == [one for one in exported if one not in {"ipaddr", "refurl", "token"}]


def test_labels_are_plain_text_in_the_base_language() -> None:
    """Tags, entities and scripts are removed; images have their description."""
    found = questionnaire("910004")
    assert found.survey.name == 'Guests & rooms "2026"'
    assert found.question("nps").text.startswith("How likely is it that you recommend us")
    assert [one.label for one in found.question("used").choices] == [
        *("Bar & Grill", "Café", "Wi\u2011Fi ®", "Other")
    ]
    assert [one.label for one in questionnaire("910002").question("img").choices] == [
        *("red", "Blue & green")
    ]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p><b>How</b> likely&nbsp;?</p>", "How likely ?"),
        ("a<br/>b<script>alert('x')</script>c", "a bc"),
        ("Dear {TOKEN:FIRSTNAME}, how was {if(a == 1, 'x', b)}?", "Dear […], how was […]?"),
        ("Nested {if({x}, {y}, 1)}", "Nested […]"),
        ("A set { 1, 2 } is no expression", "A set { 1, 2 } is no expression"),
        ('<img src="a.png" alt="Which one?"/>', "Which one?"),
        ("5 < 6 & 7 > 3", "5 < 6 & 7 > 3"),
        ("<svg><text>x</text></svg>y", "y"),
        ("<![if !x]>a", "a"),
        (None, ""),
        (7, "7"),
    ],
)
def test_html_becomes_one_line_of_text(html: object, text: str) -> None:
    """Expressions differ between respondents, so they are not part of a label."""
    assert html_to_text(html) == text


def test_answers_like_not_applicable_are_in_no_denominator() -> None:
    """LimeSurvey marks no such answer: it is known by its code or its label."""
    options = {
        "1": {"answer": "bad", "order": 1},
        "2": {"answer": "good", "order": 2},
        "x": {"answer": "<i>Keine Angabe</i>", "order": 3},
    }
    assert [(one.value, one.analyze) for one in read_choices(options)] == [
        *((1, True), (2, True), (None, False))
    ]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"A": {"assessment_value": 5}, "B": {"assessment_value": "3"}}, [5, 3]),
        ({"A": {"assessment_value": 0}, "B": {"assessment_value": 0}}, [None, None]),
        ({"A": {"assessment_value": 1}, "B": {"assessment_value": 1}}, [None, None]),
        ({"A": {"assessment_value": 0}}, [None]),
        ({"-1": {}, "0": {}, "1.5": {}}, [-1, 0, 1.5]),
        ({"1": {}, "x": {}}, [None, None]),
        ("No available answer options", []),
    ],
)
def test_values_are_codes_or_assessment_values(options: object, values: list[float]) -> None:
    """Codes if all are numbers, else assessment values if they are set and all differ."""
    assert [one.value for one in read_choices(options)] == values


@pytest.mark.parametrize("options", [7, None, ["text"], {"A": None}])
def test_answers_of_another_shape_are_refused(options: object) -> None:
    """Answers are never guessed."""
    with pytest.raises(SourceUnavailable):
        read_choices(options)


def test_answers_are_in_the_order_of_the_survey() -> None:
    """The order is stated, and may differ from that of the codes."""
    options = {"1": {"answer": "b", "order": 2}, "2": {"answer": "a", "order": "1"}}
    assert [one.key for one in read_choices(options)] == ["2", "1"]


def test_equal_and_empty_labels_have_their_code() -> None:
    """Two answers with the same wording have different labels."""
    labels = labels_of([("a", "x"), ("b", "x"), ("c", ""), ("d", "y")])
    assert labels == {"a": "x (a)", "b": "x (b)", "c": "c", "d": "y"}


def test_other_is_ticked_by_any_text() -> None:
    """The column of “Other” holds the text itself, which may be “Y” or “0”."""
    window = count(ReplayServer().answer, query("910001", "used", "distribution"))
    rows = [row for row in recordings().exports[910001] if row["submitdate"]]
    assert window.total.answers["other"] == sum(1 for row in rows if row["used[other]"])
    assert {"Y", "0"} & {row["used[other]"] for row in rows}


def test_fields_are_values_that_are_no_answers() -> None:
    """Languages, equations, hidden texts and the last page can be grouped by."""
    names = [one.name for one in questionnaire("910002").fields]
    assert names == ["lang", "calc", "calctxt", "startlanguage", "lastpage"]
    assert "hid" in [one.name for one in questionnaire("910003").fields]
    by = query("910004", "nps", "answered", group_by="field:startlanguage")
    assert {one.key for one in count(ReplayServer().answer, by).groups} == {"de", "en"}


def test_relevance_equations_are_the_routing() -> None:
    """Of a question, its group or its row; blanks do not count, and 1 is always.

    They are digests, since an equation may name a participant, and routings are stored.
    """

    def digest(*rules: str) -> str:
        return sha256(json.dumps(rules).encode()).hexdigest()

    found = questionnaire("910003")
    rule = "member.NAOK=='Y'"
    assert found.routing("member") == ""
    assert found.routing("tariff") == digest("", rule)
    assert found.routing("years") == digest(rule, "")
    rows = found.question("rate").sub_questions
    assert {found.routing(row.id) for row in rows} == {"", digest(rule)}
    (tally,) = fetch(ReplayServer().answer, query("910003", "tariff", "answered"))
    assert isinstance(tally, Tally)
    assert (tally.question_routing, tally.survey_modified) == (digest("", rule), None)


@pytest.mark.parametrize("equation", ["1", " 1 ", "", None])
def test_a_question_that_is_always_shown_has_no_routing(equation: str | None) -> None:
    """Whatever the server sends for it."""
    columns = read_columns(
        {"S1X1X1": {"title": "q", "qid": 1, "relevance": equation, "grelevance": "1"}}
    )
    assert [(one.routing, one.conditional) for one in columns] == [("", False)]


def test_a_survey_that_is_not_listed_can_be_read() -> None:
    """A file upload counts files; a survey without an entry in the list has its id as name."""
    with session(ReplayServer().answer) as opened:
        found = opened.questions("910016")
    assert found.survey.name == "910016"
    window = count(ReplayServer().answer, query("910016", "upl", "sum"))
    assert (window.total.answered, dict(window.total.answers)) == (1, {"1": 1})


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2026-01-15 12:00:00", "2026-01-15T11:00:00+00:00"),
        ("2026-07-15 12:00:00", "2026-07-15T10:00:00+00:00"),
        ("2025-10-26 02:30:00", "2025-10-26T00:30:00+00:00"),  # Twice: the first.
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00+00:00"),  # Never: an hour later.
        ("0000-00-00 00:00:00", None),
        ("text", None),
    ],
)
def test_wall_clock_times_are_read_in_the_zone_of_the_server(wall: str, utc: str | None) -> None:
    """The hours around a clock change have stated rules."""
    found = pl.DataFrame({"t": [wall]}).select(local_to_utc(pl.col("t"), "Europe/Vienna"))["t"][0]
    assert found == (utc and datetime.fromisoformat(utc))


def test_payloads_are_those_of_the_recordings() -> None:
    """The replay server cuts exports as the real server does."""
    for one in interactions("export.options"):
        call = json.loads(one.body)
        if not one.note.startswith(("chosen columns", "column", "only from", "negative")):
            continue
        columns = call["params"][9] if len(call["params"]) > 9 else None
        if not isinstance(columns, list) or not columns:
            continue
        lime = ReplayServer(open={"SESSIONKEY-REPORTING-1"})
        response = lime.call("SESSIONKEY-REPORTING-1", call["method"], *call["params"][1:])
        found = json.loads(base64.b64decode(response.json()["result"]))
        assert found == json.loads(base64.b64decode(json.loads(one.answer)["result"])), one.note


def changed(method: str, change: Callable[[Any], object]) -> Server:
    """Return a server that changes the results of a function."""
    lime = ReplayServer()

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        if json.loads(request.content)["method"] != method:
            return response
        found = json.loads(response.read())
        change(found["result"])
        return httpx.Response(200, json=found)

    return server


def test_an_unknown_question_type_is_counted() -> None:
    """Plugins and future versions add types: a note says that their answers are only counted."""
    server = changed("list_questions", lambda found: found[0].update(type="Z"))
    with session(server) as opened:
        question = opened.questions("910001").question("nps")
    assert (question.kind, question.note) == (QuestionKind.OTHER, UNKNOWN)
    counts = count(server, query("910001", "nps", "answered")).total
    assert (counts.responses, counts.answered) == (259, 231)


def test_a_question_without_a_column_is_named() -> None:
    """A question that the survey's table lacks is not offered, and a note names it."""
    server = changed("get_fieldmap", lambda found: found.pop("910001X1X1"))
    with session(server) as opened:
        found = opened.questions("910001")
    assert "nps" not in [one.id for one in found.questions]
    assert any("no columns" in note and "nps" in note for note in found.notes)


def test_a_question_with_the_heading_of_another_column_is_not_read() -> None:
    """An export loses one of two columns with one heading: the column of the response is read."""
    server = changed("get_fieldmap", lambda found: found["910001X1X1"].update(title="id"))
    with session(server) as opened:
        assert "nps" not in [one.id for one in opened.questions("910001").questions]
    assert count(server, query("910001", "trip", "answered")).total.responses == 259
