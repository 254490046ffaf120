"""A source whose every answer is known: each metric has another value in each round.

The value of a question is a number that names the round, the survey and the question, so a value
that belongs to another metric, or to an earlier round, is recognised. Each export is a line of a
log, which outlives the process that wrote it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from smaply_metrics_core import (
    CheckNote,
    CheckStep,
    Counts,
    Credentials,
    Destination,
    FormField,
    MetricQuery,
    MetricsError,
    Question,
    QuestionKind,
    Questionnaire,
    SourceContext,
    SourceDescription,
    Survey,
    Tally,
    Token,
    WindowTally,
    hookimpl,
)
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.calculations.rules import allowed_calculations

SOURCE: Final = "known_surveys"
QUESTIONS: Final = 20
"""The questions of each survey; there is one metric for each."""
_SURVEYS: Final = 10_000
"""More surveys than there are, for the digits of a value."""
_HELD_SECONDS: Final = 0.1

_REACH: Final = CheckStep(name="reach", title="Reach the surveys", required=True)
_AUTHENTICATE: Final = CheckStep(name="authenticate", title="Sign in", required=True)


class KnownValue(NamedTuple):
    """What a value names."""

    round: int
    survey: int
    question: int

    @property
    def number(self) -> int:
        """The value."""
        return (self.round * _SURVEYS + self.survey) * QUESTIONS + self.question

    @classmethod
    def of(cls, number: float) -> KnownValue:
        """Return what a value names."""
        rest, question = divmod(round(number), QUESTIONS)
        return cls(*divmod(rest, _SURVEYS), question)


class RoundFile:
    """A file with the number of a round, which other processes read while it is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        """Return the number."""
        return int(self._path.read_text(encoding="ascii"))

    def write(self, number: int) -> None:
        """Replace the number."""
        draft = self._path.with_suffix(".draft")
        draft.write_text(str(number), encoding="ascii")
        draft.replace(self._path)


class LoggedExport(NamedTuple):
    """An export that a process started."""

    round: int
    survey: str
    process: int


class ExportLog:
    """A file with a line for each export that starts, and for each that ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, event: str, export: LoggedExport) -> None:
        """Append a line: with one call, so that the lines of processes do not mix."""
        line = f"{event} {export.round} {export.survey} {export.process}\n".encode("ascii")
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def started(self) -> list[LoggedExport]:
        """Return the exports that were started, in this order."""
        return list(self._read("start"))

    def running(self) -> list[LoggedExport]:
        """Return the exports that were started and did not end."""
        ended = set(self._read("end"))
        return [one for one in self.started() if one not in ended]

    def _read(self, wanted: str) -> Iterator[LoggedExport]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="ascii").splitlines():
            event, number, survey, process = line.split()
            if event == wanted:
                yield LoggedExport(int(number), survey, int(process))


class KnownCredentials(Credentials):
    """A token that every survey accepts."""

    api_token: Annotated[Token, FormField(label="API token")]


@dataclass(frozen=True)
class KnownSurveys:
    """The source.

    Attributes:
        surveys: The number of surveys.
        export_seconds: How long an export takes at least.
        held: A file; while it exists, no export ends.
        answers: The round whose answers the surveys have.
        log: The log of exports.
    """

    surveys: int
    export_seconds: float
    held: Path
    answers: RoundFile
    log: ExportLog

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the description."""
        return SourceDescription(
            id=SOURCE,
            title="Known surveys",
            contract="0.1",
            credentials=KnownCredentials,
            checks=(_REACH, _AUTHENTICATE),
        )

    @hookimpl
    def destinations(self) -> Sequence[Destination]:
        """Return a host that is never called."""
        return (Destination(kind="host", host="surveys.example.com"),)

    @hookimpl
    def validate_credentials(self) -> Iterator[CheckStep | CheckNote]:
        """Accept every token."""
        yield _REACH
        yield _AUTHENTICATE

    @hookimpl
    def list_surveys(self) -> Iterator[Survey]:
        """Yield the surveys."""
        for number in range(self.surveys):
            yield Survey(id=survey_id(number), name=f"Survey {number}")

    @hookimpl
    def list_questions(self, survey_id: str) -> Questionnaire:
        """Return the questions of a survey."""
        return Questionnaire(
            survey=Survey(id=survey_id, name=f"Survey {survey_id}"),
            questions=tuple(
                Question(
                    id=question_id(number),
                    text=f"Question {number}",
                    kind=QuestionKind.NUMBER,
                    calculations=allowed_calculations(QuestionKind.NUMBER),
                )
                for number in range(QUESTIONS)
            ),
        )

    @hookimpl
    def fetch_metric(
        self, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Export the answers of the current round: three of them, whose average is the value."""
        export = LoggedExport(self.answers.read(), survey_id, os.getpid())
        as_of = context.now()
        self.log.write("start", export)
        context.pause(self.export_seconds)
        while self.held.exists():
            context.pause(_HELD_SECONDS)
        for query in queries:
            question = _number(query.definition.question_id or "")
            value = KnownValue(export.round, _number(survey_id), question).number
            counts = Counts(
                responses=3,
                answered=3,
                answers={str(answer): 1 for answer in (value - 1, value, value + 1)},
            )
            windows = tuple(WindowTally(window=one.name, total=counts) for one in query.windows)
            yield query.id, Tally(windows=windows, as_of=as_of)
        self.log.write("end", export)

    @hookimpl
    def debug_export(self, bundle: BundleWriter) -> None:
        """Write the number of the round."""
        bundle.add_json("round.json", self.answers.read())


def survey_id(number: int) -> str:
    """Return the ID of a survey."""
    return f"survey-{number}"


def question_id(number: int) -> str:
    """Return the ID of a question."""
    return f"question-{number}"


def _number(of: str) -> int:
    return int(of.rpartition("-")[2])
