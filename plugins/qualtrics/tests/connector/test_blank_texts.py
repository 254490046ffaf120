"""A text that consists of line breaks alone is blank, for a question and for its parts."""

from __future__ import annotations

from pathlib import Path

from plugins.qualtrics.tests.connector.stub_api import StubApi, StubColumn
from plugins.qualtrics.tests.connector.support import query, survey_definition

QUESTIONS = {
    "QID1": {"QuestionText": "Why", "QuestionType": "TE", "Selector": "ML"},
    "QID2": {"QuestionText": "Where", "QuestionType": "HeatMap", "Selector": "Click"},
}


def test_line_breaks_alone_are_no_answer(tmp_path: Path) -> None:
    """Spaces are an answer: of a question that is one column, and of one of any columns."""
    cells = ["\r", "\n\r\n", "", " ", "a\n"]
    columns = [StubColumn("QID1_TEXT", "QID1", cells), StubColumn("QID2_x", "QID2", cells)]
    api = StubApi(tmp_path, survey_definition(QUESTIONS), columns)

    for question in QUESTIONS:
        assert api.measure(query("answered", question)).current.value == 2
