"""Small invented surveys next to the repository, each with the numbers that it should give.

Their faults have fixtures of this project's own in the other modules. The API of these tests
returns the whole file, whatever a request names.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from plugins.qualtrics.tests.connector.stub_api import StubApi
from plugins.qualtrics.tests.connector.support import SURVEY, query
from smaply_metrics_core import Calculation, CalculationRefused, Result
from smaply_metrics_qualtrics.survey.definition import read_definition
from smaply_metrics_qualtrics_sandbox.surveys.definition import read_definition as read_qsf
from tests.shared_data import REASON, SHARED

CASES: Final = SHARED / "cases"
FOLDERS: Final = sorted(path.parent for path in CASES.glob("*/expected.json"))

pytestmark = pytest.mark.skipif(not FOLDERS, reason=REASON)


@dataclass
class CaseApi(StubApi):
    """A survey with an export that contains all columns.

    Attributes:
        text: The CSV file.
    """

    text: str = ""

    def _export(self, body: Mapping[str, Any]) -> str:
        return self.text


def api_of(case: Path, folder: Path) -> CaseApi:
    """Return an account with the survey of a case."""
    definition = read_qsf(case / "survey.qsf")
    text = (case / "responses.csv").read_bytes().decode("utf-8-sig")
    keys = list(csv.reader(text.splitlines(keepends=True)))[2]
    import_ids = [json.loads(key)["ImportId"] for key in keys]
    looped = [found for one in import_ids if (found := re.match(r"[^_]+_(QID\d+)", one))]
    schema = {
        one.string: {"dataType": "question", "questionId": one[1]}
        for one in looped
        if one[1] in definition["Questions"]
    }
    return CaseApi(folder, definition, (), schema, every_column=True, text=text)


def numbers(result: Result) -> object:
    """Return the value of a result, or the answers or values of its groups by key."""
    if not result.groups and result.group_by is None:
        return pytest.approx(result.current.value) if result.current.value else result.current.value
    counts = result.calculation in {Calculation.DISTRIBUTION, Calculation.RESPONSES}
    found = {group.key: group.responses if counts else group.value for group in result.groups}
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name) for one in FOLDERS])
def test_a_case_has_its_numbers(case: Path, tmp_path: Path) -> None:
    """Each number, list and label is the expected one."""
    api = api_of(case, tmp_path)
    schema = {"properties": {"values": {"properties": api.schema}}}
    listed = read_definition(api.definition, SURVEY, schema).questionnaire
    for check in json.loads((case / "expected.json").read_text(encoding="utf-8"))["checks"]:
        wanted, question = check["expected"], check["question"]
        if question == "questions":
            ids = [one.id for one in listed.walk()]
            assert wanted not in ids if isinstance(wanted, str) else ids == wanted
        elif check["calculation"] in set(Calculation):
            _check_number(api, check)
        else:
            labels = [choice.label for choice in listed.question(question).choices]
            assert len(set(labels)) == len(labels)
            assert isinstance(wanted, str) or labels == wanted


def _check_number(api: CaseApi, check: Mapping[str, Any]) -> None:
    wanted, group_by = check["expected"], check.get("group_by")
    try:
        result = api.measure(query(check["calculation"], check["question"], group_by=group_by))
    except CalculationRefused:
        assert wanted is None
        return
    if isinstance(wanted, str):  # A sentence that asks for a note on the scale.
        assert any("The scale has" in note for note in result.notes)
    else:
        assert numbers(result) == wanted, check
