"""Answers of real Qualtrics servers through the connector's readers.

The recordings are not part of the project; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # It comes with vcrpy and has no types.

from plugins.qualtrics.tests.connector.support import SURVEY, api_answered_by
from smaply_metrics_core.errors import (
    CredentialRefused,
    ExportFailed,
    MetricsError,
    SourceUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_core.models.survey import QuestionKind
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.api.errors import read_envelope
from smaply_metrics_qualtrics.survey.definition import read_definition, read_survey

HTTP = Path(__file__).parents[5] / "shared" / "qualtrics" / "recorded" / "http"

pytestmark = pytest.mark.skipif(not HTTP.is_dir(), reason="the recordings are not here")


def recorded(name: str) -> list[tuple[int, Any]]:
    """Give the status and the decoded body of each answer of a recording."""
    if name.endswith(".json"):
        content = json.loads((HTTP / name).read_text(encoding="utf-8"))
        answers = [one["response"] for one in content] if isinstance(content, list) else []
        return [(one["status"], one["body"]) for one in answers] or [(200, content)]
    content = yaml.safe_load((HTTP / name).read_text(encoding="utf-8"))
    answers = []
    for interaction in content["http_interactions"]:
        response = interaction["response"]
        status = response["status"]
        code = status["code"] if isinstance(status, dict) else status
        answers.append((code, json.loads(response["body"]["string"])))
    return answers


class Replay:
    """Makes APIs that answer as recorded, one answer after the other."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder = folder
        self._opened = opened

    def __call__(self, *names: str, status: int | None = None) -> QualtricsApi:
        """Replay these recordings; ``status`` is that of answers recorded without one."""
        answers = iter([answer for name in names for answer in recorded(name)])

        def answer(_: httpx.Request) -> httpx.Response:
            code, body = next(answers)
            return httpx.Response(status or code, json=body)

        api, _, _ = self._opened.enter_context(api_answered_by(answer, self._folder))
        return api


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    """Replays recordings for the length of a test."""
    with ExitStack() as opened:
        yield Replay(tmp_path, opened)


def test_a_definition_is_read(replay: Replay) -> None:
    """HTML and videos in labels become text; the order shown differs from that of the ids."""
    api = replay("get_survey_definition.beskar_armor.yml")
    survey = read_definition(api.definition("SV_3gbwq8aJgqPwQDP"), "SV_3gbwq8aJgqPwQDP")
    listed = survey.questionnaire
    assert listed.survey.name == "Beskar Armor"
    assert [question.id for question in listed.questions] == [
        "QID63",
        "QID16",
        "QID17",
        "QID18",
        "QID19",
        "QID22",
    ]
    satisfaction = listed.question("QID16")
    assert satisfaction.kind is QuestionKind.SINGLE_CHOICE
    assert [(c.key, c.label) for c in satisfaction.choices] == [
        ("5", "Extremely satisfied"),
        ("4", "Somewhat satisfied"),
        ("3", "Neither satisfied nor dissatisfied"),
        ("2", "Somewhat dissatisfied"),
        ("1", "Extremely dissatisfied"),
    ]
    problems = listed.question("QID18")
    assert problems.choices[0].label == "Yes, by the tribe or its representatives"
    assert [field.name for field in listed.fields] == ["SolutionRevision"]
    assert set(survey.trash) == {"QID66", "QID67", "QID64", "QID65", "QID20", "QID21"}


def test_pages_of_surveys_are_read(replay: Replay) -> None:
    """Lists of several years and shapes are followed to their end."""
    api = replay("list_surveys.two_pages.2015.yml")
    surveys = [read_survey(element) for page in api.survey_pages() for element in page]
    assert [survey.name for survey in surveys if survey] == ["Test"]
    names = [f"edited_shapes/surveys.{number}.json" for number in (1, 2, 3)]
    api = replay(*names)
    elements = [element for page in api.survey_pages() for element in page]
    assert len(elements) == sum(len(recorded(name)[0][1]["result"]["elements"]) for name in names)
    assert all(read_survey(element) for element in elements)


def test_a_notice_names_the_other_host(replay: Replay) -> None:
    """A forwarded answer is read, and the host to use is remembered."""
    api = replay("get_one_question.yml")
    api.definition(SURVEY)
    assert api.use_host == "az1.qualtrics.com"
    notices = [read_envelope(body).use_host for _, body in recorded("next_page_changes_host.json")]
    assert notices == ["az1.qualtrics.com", "az1.qualtrics.com", ""]


def test_whoami_is_read(replay: Replay) -> None:
    """The account's ids are there."""
    account = replay("edited_shapes/whoami.json").whoami()
    assert account["userId"].startswith("UR_")
    assert account["datacenter"] == "syd1"


def test_an_export_is_followed(replay: Replay) -> None:
    """Start, running, complete and failed are told apart."""
    shapes = "edited_shapes/"
    progress_id = replay(f"{shapes}startexport.json").start_export(SURVEY, {})
    assert progress_id.startswith("ES_")
    for name, status in (
        ("inprogress", "inProgress"),
        ("complete", "complete"),
        ("failed", "failed"),
    ):
        progress = replay(f"{shapes}exportprogress.{name}.json").progress(SURVEY, "ES_1")
        assert progress.status == status
        assert bool(progress.file_id) == (name == "complete")
        assert progress.request_id


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("edited_shapes/unauthorized.json", 401, CredentialRefused),
        ("edited_shapes/badrequest.json", 400, CredentialRefused),
        ("list_questions.403_wrong_survey.yml", None, SurveyUnavailable),
        ("list_surveys.404_old_envelope.yml", None, SurveyUnavailable),
    ],
)
def test_refusals_are_read(
    replay: Replay, name: str, status: int | None, kind: type[MetricsError]
) -> None:
    """Envelopes of several years carry their code."""
    with pytest.raises(kind) as raised:
        replay(name, status=status).definition(SURVEY)
    assert raised.value.code
    assert raised.value.request_id


def test_an_old_envelope_of_a_list_is_no_empty_list(replay: Replay) -> None:
    """Its code and its id of the error are kept."""
    api = replay("list_surveys.404_old_envelope.yml")
    with pytest.raises(SourceUnavailable) as raised:
        list(api.survey_pages())
    assert raised.value.code == "GS_5"
    assert raised.value.request_id


def test_a_vanished_export_is_read(replay: Replay) -> None:
    """A 404 while polling is a failed export with its code."""
    with pytest.raises(ExportFailed) as raised:
        replay("edited_shapes/notfound.json", status=404).progress(SURVEY, "ES_1")
    assert raised.value.code == "UNF_9"


def test_every_recorded_envelope_is_known() -> None:
    """No answer of a real server is taken for another service's."""
    names = sorted(path.name for path in HTTP.glob("*.*"))
    assert len(names) == 8
    for name in names:
        for _, body in recorded(name):
            assert read_envelope(body).known, name
    for path in (HTTP / "edited_shapes").glob("*.json"):
        assert read_envelope(json.loads(path.read_text(encoding="utf-8"))).known, path.name
