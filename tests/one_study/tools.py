"""Loads a study into each tool, and opens sessions with the tool's source."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from plugins.limesurvey.tests import support as limesurvey
from plugins.limesurvey.tests.replay_server import ReplayServer, recordings
from plugins.qualtrics.tests.connector import support as qualtrics
from smaply_metrics_core import Deadline, QuestionKind
from smaply_metrics_core.testing import (
    AllowedDestinations,
    ManualClock,
    SourceRegistry,
    SourceSession,
)
from tests.one_study.origins import Origin
from tests.one_study.study import Answer, Study, StudyQuestion

NOW: Final = datetime(2026, 12, 1, 12, tzinfo=UTC)
ACCOUNT: Final = "a"
SEVERAL: Final = ";"

Session = Callable[[], AbstractContextManager[SourceSession]]


@dataclass(frozen=True)
class LoadedStudy:
    """A study in a tool.

    Attributes:
        tool: The name of the tool in the documentation.
        survey_id: The id of the survey there.
        session: Opens a session with the source.
        questions: The ids of the questions in the tool, where they differ.
        keys: The keys of choices in the tool by question, where they differ.
    """

    tool: str
    survey_id: str
    session: Session
    questions: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def question(self, question_id: str) -> str:
        """Return the id of a question in the tool."""
        return self.questions.get(question_id, question_id)

    def key(self, question_id: str, key: str) -> str:
        """Return the key of a choice in the tool."""
        return self.keys.get(question_id, {}).get(key, key)

    def study_key(self, question_id: str, key: str) -> str:
        """Return the key in the study of a choice in the tool."""
        found = {theirs: ours for ours, theirs in self.keys.get(question_id, {}).items()}
        return found.get(key, key)


@contextmanager
def source_session(
    source: str, credentials: Mapping[str, str], allowed: AllowedDestinations
) -> Iterator[SourceSession]:
    """Open a session with a source that needs no server of its own."""
    clock = ManualClock(NOW)
    found = SourceRegistry(clock=clock).get(source)
    with found.session(
        found.parse(credentials),
        account=ACCOUNT,
        allowed=allowed,
        deadline=Deadline.after(600, clock),
    ) as opened:
        yield opened


@contextmanager
def in_qualtrics(folder: Path) -> Iterator[Session]:
    """Run a sandbox with the studies of a folder, and return what opens a session with it."""
    with qualtrics.account(folder, export_polls=0) as served:
        served.clock = qualtrics.JumpingClock(NOW)
        yield served.session


def in_limesurvey(origin: Origin) -> LoadedStudy:
    """Return a study as the real LimeSurvey was recorded that held it."""
    server = ReplayServer(recordings(studies=bool(getattr(origin, "real", False))))
    answer: Callable[[httpx.Request], httpx.Response] = server.answer
    return LoadedStudy(
        "LimeSurvey",
        origin.recorded_as,
        partial(limesurvey.session, answer, clock=ManualClock(NOW)),
        origin.names or {},
    )


def in_csv(study: Study, folder: Path) -> LoadedStudy:
    """Write a study as a CSV file, as its source reads it.

    The source infers the questions: a name says which is NPS and which has several answers, and
    values are the keys of a scale. What a file cannot express is written otherwise: an answer that
    never counts, such as “Not applicable”, as a blank, and a text of spaces as another text.
    """
    names, keys = {}, {}
    for question in study.questions.values():
        suffix = {QuestionKind.NPS: " nps", QuestionKind.MULTIPLE_CHOICE: "[]"}
        names[question.id] = question.id + suffix.get(question.kind, "")
        if question.values:
            keys[question.id] = {
                one.key: f"{one.value:g}" for one in question.choices if one.value is not None
            }
    loaded = LoadedStudy(
        "CSV files",
        "study",
        partial(
            source_session,
            "csv_example",
            {"folder": "files"},
            AllowedDestinations(folders={ACCOUNT: folder}),
        ),
        names,
        keys,
    )
    (folder / "files").mkdir()
    with (folder / "files" / "study.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        fields = [f"field:{name}" for name in study.roles.fields]
        rows.writerow(["recorded_at", "status", *names.values(), *fields])
        for row in study.rows:
            cells = (
                _csv_cell(loaded, question, row.answers[name])
                for name, question in study.questions.items()
            )
            rest = (row.fields[name] or "" for name in study.roles.fields)
            rows.writerow([row.recorded.isoformat(), row.excluded, *cells, *rest])
    return loaded


def _csv_cell(loaded: LoadedStudy, question: StudyQuestion, answer: Answer) -> str:
    given = answer if isinstance(answer, tuple) else (answer,) if answer else ()
    if question.choices:
        counted = question.counted_keys
        given = tuple(loaded.key(question.id, key) for key in given if key in counted)
    if question.kind is QuestionKind.TEXT:
        given = tuple(text if text.strip() else "(spaces)" for text in given)
    return SEVERAL.join(given)


def write_for_qualtrics(
    study: Study, folder: Path
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Write a study that was made elsewhere as a survey of the sandbox.

    Returns:
        The ids of its questions there, and the keys of their choices by question.
    """
    definitions: dict[str, dict[str, qualtrics.Json]] = {}
    columns: dict[str, object] = {}
    names: dict[str, str] = {}
    keys: dict[str, dict[str, str]] = {}
    for number, question in enumerate(study.questions.values(), start=1):
        name = f"QID{number}"
        names[question.id] = name
        codes = _codes(question)
        keys[question.id] = codes
        definitions[name] = _definition(question, codes)
        if question.kind is QuestionKind.MULTIPLE_CHOICE:
            for code in codes.values():
                columns[f"{name}_{code}"] = {"ImportId": name, "choiceId": code}
        else:
            free = question.kind in {QuestionKind.NUMBER, QuestionKind.TEXT}
            columns[name] = {"ImportId": f"{name}_TEXT" if free else name}
    rows = []
    for row in study.rows:
        cells = {
            "RecordedDate": f"{row.recorded:%Y-%m-%d %H:%M:%S}",
            "Finished": "0" if row.excluded == "unfinished" else "1",
        }
        for question in study.questions.values():
            answer, name = row.answers[question.id], names[question.id]
            if isinstance(answer, tuple):
                cells |= {f"{name}_{keys[question.id][key]}": "1" for key in answer}
            elif answer:
                cells[name] = keys[question.id].get(answer, answer)
        rows.append(cells)
    definition = qualtrics.survey_definition(definitions)
    qualtrics.write_survey(folder / "converted", definition, columns, rows)
    return names, keys


def _codes(question: StudyQuestion) -> dict[str, str]:
    """Return the code of each choice: its value, or a number of its own."""
    free = iter(range(91, 100))
    return {
        one.key: f"{one.value:g}" if one.value is not None else str(next(free))
        for one in question.choices
    }


def _definition(question: StudyQuestion, codes: Mapping[str, str]) -> dict[str, qualtrics.Json]:
    common = {"QuestionText": question.id, "DataExportTag": question.id}
    match question.kind:
        case QuestionKind.TEXT:
            return {**common, "QuestionType": "TE", "Selector": "ML"}
        case QuestionKind.NUMBER:
            settings = {"Type": "ContentType", "ContentType": "ValidNumber"}
            number = {"QuestionType": "TE", "Selector": "SL"}
            return {**common, **number, "Validation": {"Settings": settings}}
        case QuestionKind.NPS:
            selector = "NPS"
        case QuestionKind.MULTIPLE_CHOICE:
            selector = "MAVR"
        case _:
            selector = "SAVR"
    return {
        **common,
        "QuestionType": "MC",
        "Selector": selector,
        "Choices": {code: {"Display": f"{question.id} {key}"} for key, code in codes.items()},
        "ChoiceOrder": [*codes.values()],
        "AnalyzeChoices": {codes[one.key]: "No" for one in question.choices if not one.analyze},
    }
