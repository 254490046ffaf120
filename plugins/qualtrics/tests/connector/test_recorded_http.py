"""Tests of parsing recorded responses of Qualtrics servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from plugins.qualtrics.tests.connector.support import SURVEY, api_answered_by
from plugins.qualtrics_sandbox.tests import recorded_http
from plugins.qualtrics_sandbox.tests.recorded_http import OWN, REAL, Recordings
from smaply_metrics_core import (
    CredentialRefused,
    ExportFailed,
    MetricsError,
    QuestionKind,
    SourceUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.api.errors import read_envelope
from smaply_metrics_qualtrics.survey.definition import read_definition, read_survey
from tests.shared_data import needs_recorded_data


class Replay:
    """Creates API clients that receive recorded responses in order."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder = folder
        self._opened = opened

    def __call__(
        self, recordings: Recordings, *names: str, status: int | None = None
    ) -> QualtricsApi:
        """Replay these recordings; ``status`` is for responses recorded without one."""
        answers = iter([answer for name in names for answer in recordings.answers(name)])

        def answer(_: httpx.Request) -> httpx.Response:
            code, body = next(answers)
            return httpx.Response(status or code, json=body)

        api, _, _ = self._opened.enter_context(api_answered_by(answer, self._folder))
        return api


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    """A ``Replay`` that is closed after the test."""
    with ExitStack() as opened:
        yield Replay(tmp_path, opened)


@dataclass(frozen=True)
class RecordedDefinition:
    """A recorded definition and the expected result."""

    recordings: Recordings
    survey_id: str
    name: str
    shown: tuple[str, ...]
    scale: str
    labels: tuple[tuple[str, str], ...]
    video: tuple[str, str]
    field: str
    trash: frozenset[str]


OWN_DEFINITION = RecordedDefinition(
    OWN,
    "SV_4harbourFerry01",
    "Harbour Ferry",
    shown=("QID31", "QID4", "QID5", "QID6", "QID7", "QID8"),
    scale="QID4",
    labels=(
        ("5", "Very satisfied"),
        ("4", "Rather satisfied"),
        ("3", "Neither one nor the other"),
        ("2", "Rather dissatisfied"),
        ("1", "Very dissatisfied"),
    ),
    video=("QID6", "Yes, by the crew & the office"),
    field="TemplateVersion",
    trash=frozenset({"QID12", "QID13"}),
)
REAL_DEFINITION = RecordedDefinition(
    REAL,
    "SV_3gbwq8aJgqPwQDP",
    "Beskar Armor",
    shown=("QID63", "QID16", "QID17", "QID18", "QID19", "QID22"),
    scale="QID16",
    labels=(
        ("5", "Extremely satisfied"),
        ("4", "Somewhat satisfied"),
        ("3", "Neither satisfied nor dissatisfied"),
        ("2", "Somewhat dissatisfied"),
        ("1", "Extremely dissatisfied"),
    ),
    video=("QID18", "Yes, by the tribe or its representatives"),
    field="SolutionRevision",
    trash=frozenset({"QID66", "QID67", "QID64", "QID65", "QID20", "QID21"}),
)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(OWN_DEFINITION, id="own"),
        pytest.param(REAL_DEFINITION, id="real", marks=needs_recorded_data),
    ],
)
def test_a_definition_is_read(replay: Replay, expected: RecordedDefinition) -> None:
    """HTML and videos in labels become text, and the display order is kept."""
    api = replay(expected.recordings, "definition")
    survey = read_definition(api.definition(expected.survey_id), expected.survey_id)
    listed = survey.questionnaire
    assert listed.survey.name == expected.name
    assert tuple(question.id for question in listed.questions) == expected.shown
    satisfaction = listed.question(expected.scale)
    assert satisfaction.kind is QuestionKind.SINGLE_CHOICE
    assert tuple((c.key, c.label) for c in satisfaction.choices) == expected.labels
    problems, label = expected.video
    assert listed.question(problems).choices[0].label == label
    assert [field.name for field in listed.fields] == [expected.field]
    assert set(survey.trash) == expected.trash


@pytest.mark.parametrize(
    ("recordings", "name"),
    [
        pytest.param(OWN, "Tide", id="own"),
        pytest.param(REAL, "Test", id="real", marks=needs_recorded_data),
    ],
)
def test_pages_of_surveys_are_read(replay: Replay, recordings: Recordings, name: str) -> None:
    """Lists in formats of several years are read completely."""
    api = replay(recordings, "two pages")
    surveys = [read_survey(element) for page in api.survey_pages() for element in page]
    assert [survey.name for survey in surveys if survey] == [name]
    names = [f"surveys.{number}" for number in (1, 2, 3)]
    api = replay(recordings, *names)
    elements = [element for page in api.survey_pages() for element in page]
    assert len(elements) == sum(len(recordings.body(n)["result"]["elements"]) for n in names)
    assert all(read_survey(element) for element in elements)


@pytest.mark.parametrize(
    ("recordings", "host"),
    [
        pytest.param(OWN, "fra1.qualtrics.com", id="own"),
        pytest.param(REAL, "az1.qualtrics.com", id="real", marks=needs_recorded_data),
    ],
)
def test_a_notice_names_the_other_host(replay: Replay, recordings: Recordings, host: str) -> None:
    """A forwarded response is read, and the named host is stored."""
    api = replay(recordings, "question")
    api.definition(SURVEY)
    assert api.use_host == host
    notices = [read_envelope(body).use_host for _, body in recordings.answers("other host")]
    assert notices == [host, host, ""]


@pytest.mark.parametrize(
    ("recordings", "datacenter"),
    [
        pytest.param(OWN, "fra1", id="own"),
        pytest.param(REAL, "syd1", id="real", marks=needs_recorded_data),
    ],
)
def test_whoami_is_read(replay: Replay, recordings: Recordings, datacenter: str) -> None:
    """The response contains the ids of the account."""
    account = replay(recordings, "whoami").whoami()
    assert account["userId"].startswith("UR_")
    assert account["datacenter"] == datacenter


@recorded_http.both
def test_the_states_of_an_export_are_read(replay: Replay, recordings: Recordings) -> None:
    """Started, running, complete and failed exports are distinguished."""
    progress_id = replay(recordings, "startexport").start_export(SURVEY, {})
    assert progress_id.startswith("ES_")
    for name, status in (
        ("inprogress", "inProgress"),
        ("complete", "complete"),
        ("failed", "failed"),
    ):
        progress = replay(recordings, f"exportprogress.{name}").progress(SURVEY, "ES_1")
        assert progress.status == status
        assert bool(progress.file_id) == (name == "complete")
        assert progress.request_id


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("unauthorized", 401, CredentialRefused),
        ("badrequest", 400, CredentialRefused),
        ("wrong survey", None, SurveyUnavailable),
        ("old error", None, SurveyUnavailable),
    ],
)
@recorded_http.both
def test_error_responses_are_read(
    replay: Replay,
    recordings: Recordings,
    name: str,
    status: int | None,
    kind: type[MetricsError],
) -> None:
    """Error envelopes of several years contain a code."""
    with pytest.raises(kind) as raised:
        replay(recordings, name, status=status).definition(SURVEY)
    assert raised.value.code
    assert raised.value.request_id


@recorded_http.both
def test_an_old_error_envelope_of_a_list_raises(replay: Replay, recordings: Recordings) -> None:
    """The error has its code and request id."""
    api = replay(recordings, "old error")
    with pytest.raises(SourceUnavailable) as raised:
        list(api.survey_pages())
    assert raised.value.code == "GS_5"
    assert raised.value.request_id


@recorded_http.both
def test_a_404_while_polling_is_a_failed_export(replay: Replay, recordings: Recordings) -> None:
    """The error has its code."""
    with pytest.raises(ExportFailed) as raised:
        replay(recordings, "notfound", status=404).progress(SURVEY, "ES_1")
    assert raised.value.code == "UNF_9"


@recorded_http.both
def test_every_recorded_envelope_is_known(recordings: Recordings) -> None:
    """Each recorded response is recognised as a Qualtrics envelope."""
    for name in recordings.names():
        for _, body in recordings.answers(name):
            assert read_envelope(body).known, name


def test_every_own_recording_is_used() -> None:
    """Each of the project's own recordings is read by a test."""
    assert OWN.unread() == set()
