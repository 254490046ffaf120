"""Small invented surveys next to the repository, each with the numbers that it should give.

Their faults have fixtures of this project's own in the other modules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from plugins.qualtrics.tests.connector.support import Account, account, query
from smaply_metrics_core import Calculation, CalculationRefused, Result
from tests.shared_data import REASON, SHARED

CASES: Final = SHARED / "cases"
FOLDERS: Final = sorted(path.parent for path in CASES.glob("*/expected.json"))

pytestmark = pytest.mark.skipif(not FOLDERS, reason=REASON)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """All cases in a read-only sandbox."""
    folder = tmp_path_factory.mktemp("cases")
    for one in FOLDERS:
        (folder / one.name).symlink_to(one)
    with account(folder, export_polls=0) as own:
        yield own


def numbers(result: Result) -> object:
    """Return the value of a result, or the answers or values of its groups by key."""
    if not result.groups and result.group_by is None:
        return pytest.approx(result.current.value) if result.current.value else result.current.value
    counts = result.calculation in {Calculation.DISTRIBUTION, Calculation.RESPONSES}
    found = {group.key: group.responses if counts else group.value for group in result.groups}
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize("folder", [pytest.param(one, id=one.name) for one in FOLDERS])
def test_a_case_has_its_numbers(served: Account, folder: Path) -> None:
    """Each number, list and label is the expected one."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    with served.session() as session:
        listed = session.questions(expected["survey"])
    for check in expected["checks"]:
        wanted, question = check["expected"], check["question"]
        if question == "questions":
            ids = [one.id for one in listed.walk()]
            assert wanted not in ids if isinstance(wanted, str) else ids == wanted
        elif check["calculation"] in set(Calculation):
            _check_number(served, expected["survey"], check)
        else:
            labels = [choice.label for choice in listed.question(question).choices]
            assert len(set(labels)) == len(labels)
            assert isinstance(wanted, str) or labels == wanted


def _check_number(served: Account, survey: str, check: dict[str, Any]) -> None:
    wanted = check["expected"]
    metric_query = query(
        check["calculation"], check["question"], group_by=check.get("group_by"), survey=survey
    )
    try:
        result = served.measure(metric_query, survey)
    except CalculationRefused:
        assert wanted is None
        return
    if isinstance(wanted, str):  # A sentence that asks for a note on the scale.
        assert any("The scale has" in note for note in result.notes)
    else:
        assert numbers(result) == wanted, check
