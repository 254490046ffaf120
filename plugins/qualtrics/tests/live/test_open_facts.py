"""Facts about the API that are undocumented, as a real account shows them.

A test fails only if the source would not work with the finding. Findings are reported at the end
of the run, without names, answers or addresses.
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
    PlainClient,
    Table,
    code_of,
    result_of,
    tables,
)

pytestmark = pytest.mark.live

ReportFinding = Callable[[str, str], None]
SEEN = "-99887766"
NEEDED = ("status", "finished", "recordedDate")
LONG_AGO = {"startDate": "1999-01-01T00:00:00Z", "endDate": "1999-02-01T00:00:00Z"}


@pytest.fixture(scope="module")
def survey_id(account: PlainClient) -> str:
    """The id of the survey in the environment, or else of the first in the list."""
    named = os.environ.get(SURVEY, "").strip()
    found: str = named or result_of(account.get("/surveys"))["elements"][0]["id"]
    return found


@pytest.fixture(scope="module")
def definition(account: PlainClient, survey_id: str) -> Mapping[str, Any]:
    """The definition of the survey."""
    return result_of(account.get(f"/survey-definitions/{survey_id}"))


@pytest.fixture(scope="module")
def responses(account: PlainClient, survey_id: str) -> tuple[Table, ...]:
    """Up to 500 responses without personal columns, in memory only."""
    answer = account.export(
        survey_id,
        surveyMetadataIds=list(NEEDED),
        embeddedDataIds=[],
        seenUnansweredRecode=int(SEEN),
        limit=500,
    )
    return tables(answer)


def test_whoami_without_a_token(account: PlainClient, report_finding: ReportFinding) -> None:
    """The API responds in its own envelope, on which the first step of the check relies."""
    answer = account.get("/whoami", token=False)
    report_finding("whoami without a token", code_of(answer))
    assert "no envelope" not in code_of(answer)
    assert answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}


def test_an_unknown_survey(account: PlainClient, report_finding: ReportFinding) -> None:
    """The definition of an unknown survey is rejected with 403 or 404."""
    answer = account.get(f"/survey-definitions/{UNKNOWN_SURVEY}")
    report_finding("definition of an unknown survey", code_of(answer))
    assert answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def test_an_unknown_export(
    account: PlainClient, survey_id: str, report_finding: ReportFinding
) -> None:
    """The progress of an unknown export is an error."""
    answer = account.get(f"/surveys/{survey_id}/export-responses/{UNKNOWN_EXPORT}")
    report_finding("progress of an unknown export", code_of(answer))
    assert answer.status_code != HTTPStatus.OK


def test_the_list_of_surveys(account: PlainClient, report_finding: ReportFinding) -> None:
    """The next page has a path under /API/v3/; its host can differ."""
    answer = account.get("/surveys")
    page = result_of(answer)
    following = page.get("nextPage")
    report_finding("surveys on the first page", f"{len(page['elements'])}, more: {bool(following)}")
    report_finding("forwarded to another data centre", str("notice" in answer.json()["meta"]))
    if following:
        parts = urlsplit(following)
        same = parts.hostname == answer.request.url.host
        report_finding("nextPage is on the host that was called", str(same))
        assert parts.path.startswith("/API/v3/")


def test_an_export_without_responses(
    account: PlainClient, survey_id: str, report_finding: ReportFinding
) -> None:
    """An export of a month without responses has no rows and possibly no file."""
    answer = account.export(survey_id, surveyMetadataIds=list(NEEDED), questionIds=[], **LONG_AGO)
    found = tables(answer)
    report_finding("files in an export without responses", str(len(found)))
    assert not any(table.rows for table in found)


def test_the_header_of_an_export(
    responses: tuple[Table, ...], report_finding: ReportFinding
) -> None:
    """Row 3 contains ImportId objects, including those of the requested metadata."""
    assert responses, "the survey has no response"
    keys = responses[0].keys
    known = {key.get("ImportId"): key for key in keys}
    report_finding(
        "columns without an ImportId", str(sum(1 for key in keys if "ImportId" not in key))
    )
    report_finding("time zone of recordedDate", str(known.get("recordedDate", {}).get("timeZone")))
    assert set(NEEDED) <= set(known)


def test_what_marks_a_question_as_seen(
    responses: tuple[Table, ...], definition: Mapping[str, Any], report_finding: ReportFinding
) -> None:
    """For which question types `seenUnansweredRecode` is written."""
    assert responses, "the survey has no response"
    found: Counter[str] = Counter()
    for question_id, question in definition["Questions"].items():
        for place, key in enumerate(responses[0].keys):
            import_id = str(key.get("ImportId", ""))
            if import_id == question_id or import_id.startswith(f"{question_id}_"):
                kind = f"{question['QuestionType']}/{question['Selector']}"
                found[kind] += sum(1 for row in responses[0].rows if row[place] == SEEN)
    assert found, "no column belongs to a question in the definition"
    never = [kind for kind, times in found.items() if not times]
    report_finding("seen but unanswered is marked for", ", ".join(+found) or "nothing")
    report_finding("seen but unanswered is not marked here for", ", ".join(never) or "nothing")


def test_single_answers_are_recodes(
    responses: tuple[Table, ...], definition: Mapping[str, Any], report_finding: ReportFinding
) -> None:
    """If recodes and ids differ, the cells of single-answer questions contain recodes."""
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
    report_finding(
        "single answers are exported as", ", ".join(shown) or "unknown: no such question"
    )
    assert not shown["something else"]


def test_scores_in_a_filtered_export(
    account: PlainClient,
    survey_id: str,
    definition: Mapping[str, Any],
    report_finding: ReportFinding,
) -> None:
    """Whether an export that filters questions contains the columns of scores."""
    categories = (definition.get("Scoring") or {}).get("ScoringCategories") or []
    if not categories:
        report_finding("scores in an export that names questions", "this survey has no score")
        return
    answer = account.export(survey_id, surveyMetadataIds=list(NEEDED), questionIds=[], limit=1)
    found = tables(answer)
    keys = {str(key.get("ImportId")) for table in found for key in table.keys}
    kept = any(str(category["ID"]) in keys for category in categories)
    report_finding("scores in an export that names questions", "included" if kept else "excluded")
    assert found, "the survey has no response"
