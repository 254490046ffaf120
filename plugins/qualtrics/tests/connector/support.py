"""Surveys, an account in a sandbox, and a clock that does not block."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core import (
    Calculation,
    Deadline,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    MetricsError,
    MetricType,
    Result,
    SourceContext,
    Tally,
    Weight,
    Window,
)
from smaply_metrics_core.calculations import calculate
from smaply_metrics_core.http import build_client
from smaply_metrics_core.testing import AllowedDestinations, SourceRegistry, SourceSession
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.credentials import SANDBOX_SETTING, QualtricsCredentials
from smaply_metrics_qualtrics.survey.definition import SurveyDefinition, read_definition
from smaply_metrics_qualtrics_sandbox import SandboxServer

Json: TypeAlias = Any
"""Any JSON value, and options that are passed through."""

TOKEN = "connector-token-of-forty-characters-0001"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SURVEY = "SV_connector0000001"
METADATA = ("StartDate", "EndDate", "Status", "Finished", "RecordedDate", "IPAddress")
_IMPORT_IDS = {
    "StartDate": '{"ImportId":"startDate","timeZone":"UTC"}',
    "EndDate": '{"ImportId":"endDate","timeZone":"UTC"}',
    "RecordedDate": '{"ImportId":"recordedDate","timeZone":"UTC"}',
    "Status": '{"ImportId":"status"}',
    "Finished": '{"ImportId":"finished"}',
    "IPAddress": '{"ImportId":"ipAddress"}',
}


class JumpingClock:
    """A clock that advances only when a caller waits, without blocking."""

    def __init__(self, now: datetime = NOW) -> None:
        self._start = now
        self._passed = 0.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        """Return the start time plus the seconds waited."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds waited."""
        return self._passed

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Advance the clock immediately."""
        self.waits.append(seconds)
        self._passed += seconds
        return stop.is_set()


def mc(text: str, choices: Mapping[str, str], **more: Json) -> dict[str, Any]:
    """Return a single-answer multiple-choice question, unless ``Selector`` is given."""
    return {
        "QuestionText": text,
        "DataExportTag": text.split(maxsplit=1)[0].strip("?"),
        "QuestionType": "MC",
        "Selector": "SAVR",
        "Choices": {key: {"Display": label} for key, label in choices.items()},
        **more,
    }


def survey_definition(
    questions: Mapping[str, Mapping[str, Any]], *, survey_id: str = SURVEY, **more: Json
) -> dict[str, Any]:
    """Return a survey definition with all questions in one block."""
    elements = [{"Type": "Question", "QuestionID": question_id} for question_id in questions]
    return {
        "SurveyID": survey_id,
        "SurveyName": "A survey",
        "SurveyStatus": "Active",
        "LastModified": "2026-01-01T00:00:00Z",
        "Questions": {
            question_id: {"QuestionID": question_id, **body}
            for question_id, body in questions.items()
        },
        "Blocks": {"BL_1": {"Type": "Default", "ID": "BL_1", "BlockElements": elements}},
        "SurveyFlow": {
            "Type": "Root",
            "FlowID": "FL_1",
            "Flow": [{"Type": "Block", "ID": "BL_1", "FlowID": "FL_2"}],
        },
        **more,
    }


MATRIX: dict[str, Any] = {
    "QuestionText": "Rate",
    "DataExportTag": "Rate",
    "QuestionType": "Matrix",
    "Selector": "Likert",
    "SubSelector": "SingleAnswer",
    "Choices": {"1": {"Display": "Speed"}, "7": {"Display": "Price", "TextEntry": "true"}},
    "ChoiceOrder": ["7", "1"],
    "Answers": {"11": {"Display": "Bad"}, "12": {"Display": "Good"}},
    "AnswerOrder": [12, 11],
    "RecodeValues": {"11": "1", "12": "2"},
    "ChoiceDataExportTags": {"7": "Rate_price"},
}
"""A question with two rows, whose answers have recodes and a custom order."""


def read_survey_with(questions: Mapping[str, Mapping[str, Any]], **more: Json) -> SurveyDefinition:
    """Parse the definition of a survey with these questions."""
    return read_definition(survey_definition(questions, **more), SURVEY)


def embedded(*names: str, kind: str = "String") -> dict[str, Any]:
    """Return a survey flow element that declares embedded fields."""
    return {
        "Type": "EmbeddedData",
        "FlowID": "FL_9",
        "EmbeddedData": [
            {"Description": name, "Type": "Custom", "Field": name, "VariableType": kind}
            for name in names
        ],
    }


def csv_text(columns: Mapping[str, object], rows: Sequence[Sequence[str]]) -> str:
    """Return CSV text as Qualtrics writes it; ``columns`` maps headers to ImportId objects."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerow([f"Text of\n“{name}”" for name in columns])
    writer.writerow(
        [
            json.dumps({"ImportId": key}) if isinstance(key, str) else json.dumps(key)
            for key in columns.values()
        ]
    )
    writer.writerows(rows)
    return out.getvalue()


def write_survey(
    folder: Path,
    definition: Mapping[str, Any],
    columns: Mapping[str, object],
    rows: Sequence[Mapping[str, str]],
) -> None:
    """Write a survey for the sandbox. Rows map headers to cells; metadata has defaults."""
    folder.mkdir(parents=True)
    (folder / "survey.json").write_text(json.dumps(definition), encoding="utf-8")
    everything: dict[str, object] = {name: json.loads(_IMPORT_IDS[name]) for name in METADATA}
    everything |= columns
    usual = {
        "StartDate": "2026-02-01 09:00:00",
        "EndDate": "2026-02-01 09:05:00",
        "RecordedDate": "2026-02-01 09:05:01",
        "Status": "0",
        "Finished": "1",
        "IPAddress": "192.0.2.7",
    }
    cells = [[{**usual, **row}.get(name, "") for name in everything] for row in rows]
    (folder / "responses.csv").write_text(csv_text(everything, cells), encoding="utf-8")


@dataclass
class Account:
    """An account in a sandbox, accessed through the source registry."""

    sandbox: SandboxServer
    clock: JumpingClock
    token: str = TOKEN
    allowed: AllowedDestinations = field(default_factory=AllowedDestinations)

    @contextmanager
    def session(self, seconds: float = 600) -> Iterator[SourceSession]:
        """Open a session with the source."""
        source = SourceRegistry(clock=self.clock).get("qualtrics")
        credentials = source.parse({"api_token": self.token, "base_url": self.sandbox.host})
        deadline = Deadline.after(seconds, self.clock)
        with source.session(
            credentials, account="a", allowed=self.allowed, deadline=deadline
        ) as session:
            yield session

    def fetch(self, *queries: MetricQuery, survey: str = SURVEY) -> dict[str, Tally | MetricsError]:
        """Answer queries in a session of their own."""
        with self.session() as session:
            return session.fetch(survey, queries)

    def measure(self, query: MetricQuery, survey: str = SURVEY) -> Result:
        """Return the result of one query, or raise its error."""
        outcome = self.fetch(query, survey=survey)[query.id]
        if isinstance(outcome, MetricsError):
            raise outcome
        return calculate(query, outcome, self.clock.now())

    def calls(self, method: str = "") -> list[str]:
        """Return the paths of the requests, in order."""
        return [
            call["path"]
            for call in self.sandbox.state.calls()
            if not method or call["method"] == method
        ]

    def exports(self) -> list[dict[str, Any]]:
        """Return the bodies of the export requests."""
        return [call["body"] for call in self.sandbox.state.calls() if call["method"] == "POST"]


@contextmanager
def account(folder: Path | None, **options: Json) -> Iterator[Account]:
    """Run a sandbox that serves a folder, and allow the source to connect to it."""
    clock = JumpingClock()
    with (
        SandboxServer(folder, token=TOKEN, **options) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(SANDBOX_SETTING, sandbox.host)
        yield Account(sandbox, clock)


def query(  # All by name.
    calculation: str,
    question: str | None = None,
    *,
    query_id: str = "q",
    group_by: str | None = None,
    answers: Sequence[str] = (),
    filters: Sequence[Filter] = (),
    include: Sequence[ExclusionReason] = (),
    windows: Sequence[Window] = (Window(),),
    survey: str = SURVEY,
    zone: str = "UTC",
    weight: str | None = None,
) -> MetricQuery:
    """Return a query: a Series if it has groups, otherwise a Number."""
    several = group_by is not None or calculation == "distribution"
    return MetricQuery(
        id=query_id,
        definition=Definition(
            type=MetricType.SERIES if several else MetricType.NUMBER,
            survey_id=survey,
            question_id=question,
            calculation=Calculation(calculation),
            answers=tuple(answers),
            group_by=GroupBy.parse(group_by) if group_by else None,
            filters=tuple(filters),
            include=frozenset(include),
            weight=Weight.parse(weight) if weight else None,
        ),
        windows=tuple(windows),
        zone=zone,
    )


def tally_of(outcomes: Mapping[str, Tally | MetricsError], query_id: str = "q") -> Tally:
    """Return the tally of one query, or raise its error."""
    outcome = outcomes[query_id]
    if isinstance(outcome, MetricsError):
        raise outcome
    return outcome


def error_of(outcomes: Mapping[str, Tally | MetricsError], query_id: str = "q") -> MetricsError:
    """Return the error of one query."""
    outcome = outcomes[query_id]
    assert isinstance(outcome, MetricsError), "the query was answered"
    return outcome


Handler = Callable[[httpx.Request], httpx.Response]


@contextmanager
def api_answered_by(
    handler: Handler, folder: Path, *, host: str = "iad1.qualtrics.com", seconds: float = 600
) -> Iterator[tuple[QualtricsApi, SourceContext, JumpingClock]]:
    """Provide an API client whose requests are answered by ``handler``."""
    clock = JumpingClock()
    credentials = QualtricsCredentials(api_token=SecretStr(TOKEN), base_url=host)
    deadline = Deadline.after(seconds, clock)
    with build_client(
        [credentials.destination],
        deadline=deadline,
        clock=clock,
        transport=httpx.MockTransport(handler),
    ) as client:
        context = SourceContext(
            http=client,
            deadline=deadline,
            destinations=(credentials.destination,),
            folder=folder,
            clock=clock,
        )
        yield QualtricsApi(credentials, context), context, clock


def envelope(result: object = None, *, status: str = "200 - OK", **meta: Json) -> dict[str, Any]:
    """Return a result in the API envelope."""
    body: dict[str, Any] = {"meta": {"httpStatus": status, "requestId": "req-1", **meta}}
    return body if result is None else {**body, "result": result}


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a ZIP archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
