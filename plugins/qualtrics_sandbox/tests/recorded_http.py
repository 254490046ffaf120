"""Recorded API responses: the project's own, and real ones if they are present.

``recordings/`` contains invented content in the formats of real responses: envelopes of several
years, pagination, a forwarded host, errors, and a definition with HTML in its labels. Recordings of
real servers are not part of the project.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.shared_data import RECORDED, needs_recorded_data

_FILES: Final = {
    "definition": ("definition.yml", "get_survey_definition.beskar_armor.yml"),
    "survey": ("survey.yml", "get_survey.beskar_armor.yml"),
    "question": ("question.yml", "get_one_question.yml"),
    "wrong survey": ("wrong_survey.yml", "list_questions.403_wrong_survey.yml"),
    "survey and not found": ("survey_and_not_found.yml", "get_survey.200_and_404.2016.yml"),
    "two pages": ("two_pages.yml", "list_surveys.two_pages.2015.yml"),
    "old error": ("old_error.yml", "list_surveys.404_old_envelope.yml"),
    "other host": ("next_page_changes_host.json", "next_page_changes_host.json"),
} | {
    name: (f"{name}.json", f"edited_shapes/{name}.json")
    for name in (
        "whoami",
        "surveys.1",
        "surveys.2",
        "surveys.3",
        "startexport",
        "exportprogress.inprogress",
        "exportprogress.complete",
        "exportprogress.failed",
        "badrequest",
        "unauthorized",
        "notfound",
    )
}
"""The names of the recordings, with the file in ``recordings/`` and the real file."""


@dataclass(frozen=True)
class Recordings:
    """A folder of recordings."""

    folder: Path
    place: int

    def answers(self, name: str) -> list[tuple[int, Any]]:
        """Return the status and the decoded body of each response in a recording."""
        text = (self.folder / _FILES[name][self.place]).read_text(encoding="utf-8")
        if _FILES[name][self.place].endswith(".json"):
            content = json.loads(text)
            exchanges = content if isinstance(content, list) else []
            found = [(one["response"]["status"], one["response"]["body"]) for one in exchanges]
            return found or [(200, content)]
        answers = []
        for interaction in yaml.safe_load(text)["http_interactions"]:
            response = interaction["response"]
            status = response["status"]
            code = status["code"] if isinstance(status, dict) else status
            answers.append((code, json.loads(response["body"]["string"])))
        return answers

    def body(self, name: str, number: int = 0) -> dict[str, Any]:
        """Return the body of one response in a recording."""
        found: dict[str, Any] = self.answers(name)[number][1]
        return found

    def names(self) -> list[str]:
        """Return the names of all recordings."""
        return list(_FILES)

    def unread(self) -> set[str]:
        """Return the files in the folder that no name refers to."""
        named = {files[self.place] for files in _FILES.values()}
        found = {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file()}
        return found - named


OWN: Final = Recordings(Path(__file__).parent / "recordings", 0)
REAL: Final = Recordings(RECORDED / "http", 1)

both = pytest.mark.parametrize(
    "recordings",
    [pytest.param(OWN, id="own"), pytest.param(REAL, id="real", marks=needs_recorded_data)],
)
"""Runs a test on the project's own recordings and on the real ones."""
