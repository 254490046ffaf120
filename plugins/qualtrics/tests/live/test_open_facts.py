"""Facts about the API that nobody public proves: what a real account says about each.

A test fails only where the connector would go wrong with what it found; everything else is told at
the end of the run, without a name, an answer or an address of anybody.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest

from plugins.qualtrics.tests.live.real_account import (
    SURVEY,
    UNKNOWN_EXPORT,
    UNKNOWN_SURVEY,
    Asking,
    Table,
    code_of,
    result_of,
    tables,
)

pytestmark = pytest.mark.live

Tell = Callable[[str, str], None]
SEEN = "-99887766"
NEEDED = ("status", "finished", "recordedDate")
LONG_AGO = {"startDate": "1999-01-01T00:00:00Z", "endDate": "1999-02-01T00:00:00Z"}


@pytest.fixture(scope="module")
def survey_id(account: Asking) -> str:
    """The survey named in the environment, or the first of the list."""
    named = os.environ.get(SURVEY, "").strip()
    found: str = named or result_of(account.get("/surveys"))["elements"][0]["id"]
    return found


@pytest.fixture(scope="module")
def definition(account: Asking, survey_id: str) -> Mapping[str, Any]:
    """The survey's definition."""
    return result_of(account.get(f"/survey-definitions/{survey_id}"))


@pytest.fixture(scope="module")
def responses(account: Asking, survey_id: str) -> tuple[Table, ...]:
    """Up to 500 responses without any column about the respondent; kept in memory only."""
    answer = account.export(
        survey_id,
        surveyMetadataIds=list(NEEDED),
        embeddedDataIds=[],
        seenUnansweredRecode=int(SEEN),
        limit=500,
    )
    return tables(answer)


def test_whoami_without_a_token(account: Asking, tell: Tell) -> None:
    """Without a token the API answers with its own envelope: reaching it rests on that."""
    answer = account.get("/whoami", token=False)
    tell("whoami without a token", code_of(answer))
    assert "no envelope" not in code_of(answer)
    assert answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}


def test_a_survey_that_is_not_there(account: Asking, tell: Tell) -> None:
    """The definition of an unknown survey is refused with 403 or 404."""
    answer = account.get(f"/survey-definitions/{UNKNOWN_SURVEY}")
    tell("definition of an unknown survey", code_of(answer))
    assert answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def test_an_export_that_is_not_there(account: Asking, survey_id: str, tell: Tell) -> None:
    """The progress of an unknown export is no success; its body says what one is like."""
    answer = account.get(f"/surveys/{survey_id}/export-responses/{UNKNOWN_EXPORT}")
    tell("progress of an unknown export", code_of(answer))
    assert answer.status_code != HTTPStatus.OK


def test_the_list_of_surveys(account: Asking, tell: Tell) -> None:
    """A page that goes on names the next one under /API/v3/; its host may be another."""
    answer = account.get("/surveys")
    page = result_of(answer)
    following = page.get("nextPage")
    tell("surveys on the first page", f"{len(page['elements'])}, more: {bool(following)}")
    tell("forwarded to another data centre", str("notice" in answer.json()["meta"]))
    if following:
        parts = urlsplit(following)
        same = parts.hostname == answer.request.url.host
        tell("nextPage is on the host that was called", str(same))
        assert parts.path.startswith("/API/v3/")


def test_an_export_without_a_response(account: Asking, survey_id: str, tell: Tell) -> None:
    """An export of a month without responses has no row, and perhaps no file."""
    answer = account.export(survey_id, surveyMetadataIds=list(NEEDED), questionIds=[], **LONG_AGO)
    found = tables(answer)
    tell("files in an export without responses", str(len(found)))
    assert not any(table.rows for table in found)


def test_the_header_of_an_export(responses: tuple[Table, ...], tell: Tell) -> None:
    """Row 3 holds ImportId objects, and the metadata that was asked for is there."""
    assert responses, "the survey has no response"
    keys = responses[0].keys
    known = {key.get("ImportId"): key for key in keys}
    tell("columns without an ImportId", str(sum(1 for key in keys if "ImportId" not in key)))
    tell("time zone of recordedDate", str(known.get("recordedDate", {}).get("timeZone")))
    assert set(NEEDED) <= set(known)


def test_what_marks_a_question_as_seen(
    responses: tuple[Table, ...], definition: Mapping[str, Any], tell: Tell
) -> None:
    """For which types of question `seenUnansweredRecode` is written; told by type alone."""
    assert responses, "the survey has no response"
    found: Counter[str] = Counter()
    for question_id, question in definition["Questions"].items():
        for place, key in enumerate(responses[0].keys):
            import_id = str(key.get("ImportId", ""))
            if import_id == question_id or import_id.startswith(f"{question_id}_"):
                kind = f"{question['QuestionType']}/{question['Selector']}"
                found[kind] += sum(1 for row in responses[0].rows if row[place] == SEEN)
    assert found, "no column belongs to a question of the definition"
    never = [kind for kind, times in found.items() if not times]
    tell("seen but unanswered is marked for", ", ".join(+found) or "nothing")
    tell("seen but unanswered is not marked here for", ", ".join(never) or "nothing")


def test_single_answers_are_recodes(
    responses: tuple[Table, ...], definition: Mapping[str, Any], tell: Tell
) -> None:
    """Where recodes and ids of choices differ, the cells of a single answer are recodes."""
    assert responses, "the survey has no response"
    shown: Counter[str] = Counter()
    for question_id, question in definition["Questions"].items():
        recodes = question.get("RecodeValues")
        if question["QuestionType"] != "MC" or not isinstance(recodes, dict):
            continue
        as_recodes, as_ids = {str(value) for value in recodes.values()}, set(recodes)
        cells = set(responses[0].cells(question_id)) - {"", SEEN}
        if as_recodes != as_ids and cells:
            shown["recodes" if cells <= as_recodes else "something else"] += 1
    tell("single answers are exported as", ", ".join(shown) or "nothing that tells")
    assert not shown["something else"]


def test_which_filter_keeps_scores(
    account: Asking, survey_id: str, definition: Mapping[str, Any], tell: Tell
) -> None:
    """Whether an export that names its questions still has the columns of scores."""
    categories = (definition.get("Scoring") or {}).get("ScoringCategories") or []
    if not categories:
        tell("scores in an export that names questions", "this survey has no score")
        return
    answer = account.export(survey_id, surveyMetadataIds=list(NEEDED), questionIds=[], limit=1)
    found = tables(answer)
    keys = {str(key.get("ImportId")) for table in found for key in table.keys}
    kept = any(str(category["ID"]) in keys for category in categories)
    tell("scores in an export that names questions", "kept" if kept else "left out")
    assert found, "the survey has no response"
