"""What is easily read wrong in LimeSurvey, each with the recording that shows it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import ReplayServer, interactions
from plugins.limesurvey.tests.support import (
    CREDENTIALS,
    count,
    fetch,
    problem_of,
    query,
    session,
)
from smaply_metrics_core import (
    CalculationRefused,
    Choice,
    ExclusionReason,
    GroupingRefused,
    QuestionKind,
    Tally,
    Window,
)
from smaply_metrics_limesurvey.survey.loader import NO_DATES, NOT_ASKED


@pytest.fixture
def lime() -> ReplayServer:
    """A LimeSurvey server."""
    return ReplayServer()


def choices(lime: ReplayServer, survey_id: str, question: str) -> tuple[Choice, ...]:
    """Return the choices of a question."""
    with session(lime.answer) as opened:
        return opened.questions(survey_id).question(question).choices


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("up", "0 1 2 3 4"),  # Sent as a list, in which the position is the code.
        ("down", "4 3 2 1 0"),
        ("one", "1 2 3 4 5"),
        ("pad", "00 01 02"),
        ("single", "0"),  # A list with one item.
        ("grid[1]", "0 1 2 NA"),
        ("dual[1][1]", "0 1"),  # A list of two lists.
        ("mult", "0 1 other"),
    ],
)
def test_answers_that_come_as_a_list_have_their_position_as_code(
    lime: ReplayServer, question: str, codes: str
) -> None:
    """PHP sends a list instead of a map if the codes are exactly 0, 1, 2 and so on."""
    assert " ".join(one.key for one in choices(lime, "910015", question)) == codes


def test_every_0_to_10_question_is_an_nps_question(lime: ReplayServer) -> None:
    """The answers of a 0 to 10 question come as a list, also for the rows of an array."""
    for question in ("nps", "npsarr[shop]", "npsarr[site]"):
        assert [one.value for one in choices(lime, "910001", question)] == [*range(11)]
    with session(lime.answer) as opened:
        assert opened.questions("910001").question("nps").kind is QuestionKind.NPS


def test_not_shown_and_left_empty_are_both_not_answered(lime: ReplayServer) -> None:
    """An export does not tell who was asked, and a note says so, in surveys with conditions."""
    window = count(lime.answer, query("910003", "perks", "answered"))
    # Three of six saw the question; only one of them ticked a box.
    assert (window.total.responses, window.total.answered) == (6, 1)
    assert dict(window.total.unanswered) == {"not_answered": 5}
    with session(lime.answer) as opened:
        assert NOT_ASKED in opened.questions("910003").notes
        assert NOT_ASKED not in opened.questions("910001").notes


def test_null_is_a_blank_too(lime: ReplayServer) -> None:
    """Other versions export null instead of an empty text."""

    def with_nulls(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        found = json.loads(response.read())
        if json.loads(request.content)["method"] != "export_responses":
            return httpx.Response(200, json=found)
        rows = json.loads(base64.b64decode(found["result"]))["responses"]
        rows = [{name: None if one == "" else one for name, one in row.items()} for row in rows]
        payload = base64.b64encode(json.dumps({"responses": rows}).encode()).decode()
        return httpx.Response(200, json={"id": 1, "result": payload, "error": None})

    one = query("910003", "tariff", "distribution")
    assert count(with_nulls, one) == count(lime.answer, one)


def test_a_survey_that_was_only_opened_is_unfinished(lime: ReplayServer) -> None:
    """A response exists as soon as somebody opens a survey; only `submitdate` means complete."""
    window = count(lime.answer, query("910003", None, "responses"))
    assert (window.total.responses, dict(window.excluded)) == (6, {"unfinished": 5})
    everything = query("910003", None, "responses", include=[ExclusionReason.UNFINISHED])
    assert count(lime.answer, everything).total.responses == 11
    # Of five that were not submitted, one reached the last page.
    by_page = count(lime.answer, query("910003", None, "responses", group_by="field:lastpage"))
    assert by_page.total.responses == 6


def test_a_survey_without_dates_is_measured_for_all_time(lime: ReplayServer) -> None:
    """Without date stamps every response was submitted in 1980: its numbers are still right."""
    nps = query("910004", "nps", "nps")
    assert count(lime.answer, nps).total.responses == 57
    with session(lime.answer) as opened:
        assert NO_DATES in opened.questions("910004").notes


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"windows": (Window(start=datetime(2026, 1, 1, tzinfo=UTC)),)}, CalculationRefused),
        ({"windows": (Window(end=datetime(1990, 1, 1, tzinfo=UTC)),)}, CalculationRefused),
        ({"group_by": "period:month"}, GroupingRefused),
    ],
)
def test_a_survey_without_dates_has_no_periods(
    lime: ReplayServer, parts: dict[str, object], error: type[Exception]
) -> None:
    """A range or a period is refused with a reason; other metrics of the survey are answered."""
    refused, answered = fetch(
        lime.answer,
        query("910004", "nps", "answered", **parts),  # type: ignore[arg-type]  # As parametrized.
        query("910004", "nps", "nps"),
    )
    assert isinstance(refused, error)
    assert "stores no dates" in str(refused)
    assert isinstance(answered, Tally)


def test_times_are_those_of_the_server(lime: ReplayServer) -> None:
    """Times are read in the zone of the server: 00:30 in Vienna is still the day before in UTC."""
    february = datetime(2026, 1, 31, 23, tzinfo=UTC)
    before = query("910001", None, "responses", windows=(Window(end=february),))
    in_vienna = count(lime.answer, before).total.responses
    in_utc = count(lime.answer, before, {**CREDENTIALS, "time_zone": ""}).total.responses
    rows = lime.recordings.exports[910001]
    dates = [row["submitdate"] for row in rows if row["submitdate"]]
    assert in_vienna == sum(one < "2026-02-01 00:00:00" for one in dates)
    assert in_utc == sum(one < "2026-01-31 23:00:00" for one in dates)
    assert in_vienna != in_utc


def test_refusals_are_no_results(lime: ReplayServer) -> None:
    """A refusal is HTTP 200 with a text; the survey of another user is unavailable."""
    error = problem_of(lime.answer, lambda opened: opened.questions("910008"))
    assert error.kind == "survey_unavailable"
    error = problem_of(lime.answer, lambda opened: opened.questions("999999"))
    assert error.kind == "survey_unavailable"


def test_a_wrong_password_is_sent_once(lime: ReplayServer) -> None:
    """Three wrong passwords lock out everybody at this address, so none is repeated."""
    wrong = {**CREDENTIALS, "password": "wrong-password"}
    with session(lime.answer, wrong) as opened:
        steps = [*opened.check()]
    assert [step.status for step in steps][:2] == ["passed", "failed"]
    assert steps[1].problem is not None
    assert steps[1].problem.kind == "credential_refused"
    assert [method for method, _ in lime.calls] == ["list_surveys", "get_session_key"]


def test_only_columns_of_the_survey_are_requested(lime: ReplayServer) -> None:
    """LimeSurvey answers a column that does not exist with null for every response."""
    fetch(lime.answer, query("910001", "nps", "nps", group_by="question:trip"))
    known = json.loads(interactions("fieldmap.910001")[0].answer)["result"]
    (columns,) = [params[9] for method, params in lime.calls if method == "export_responses"]
    assert columns == ["id", "submitdate", "datestamp", "910001X1X1", "910001X1X7"]
    assert {*columns} <= {*known}


def test_every_call_has_an_id_that_is_true_in_php(lime: ReplayServer) -> None:
    """A call with the id 0 or null runs, but has an empty answer."""
    bodies = []

    def server(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.read()))
        return lime.answer(request)

    count(server, query("910001", "nps", "nps"))
    assert {one["id"] for one in bodies} == {1}


def test_exports_have_codes_as_headings(lime: ReplayServer) -> None:
    """With other headings, equal ones swallow each other."""
    count(lime.answer, query("910001", "trip", "distribution"))
    exports = [params for method, params in lime.calls if method == "export_responses"]
    assert [params[2:7] for params in exports] == [["json", None, "all", "code", "short"]]
