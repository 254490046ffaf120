"""Contract tests of ids that survey tools and databases rarely have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, unquote

import httpx

from smaply_metrics_core.errors import MetricsError, PluginError
from smaply_metrics_core.models.query import Calculation, GroupBy
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.faults.fault_types import error_kinds
from smaply_metrics_core.testing.faults.replay import (
    Exchanges,
    RecordedRequest,
    RecordingTransport,
    Replay,
)
from smaply_metrics_core.testing.suite.lab import Lab, Transports
from smaply_metrics_core.testing.suite.queries import best_question, build_query
from smaply_metrics_core.testing.suite.scenarios.batch import batch
from smaply_metrics_core.testing.suite.scenarios.unknown_survey import unknown_survey
from smaply_metrics_core.testing.suite.subject import ContractSubject

FOREIGN_IDS: Final = (
    "../me",
    "a/b",
    "a?b=c&d=e#f",
    "%2e%2e%2fme",
    "Größe \u6f22\u5b57 \U0001f600",
    "0" * 300,
    "-1",
    "'; --",
)
"""Ids that are paths, queries or statements, beyond ASCII, very long, or no count."""

FOREIGN_NAMES: Final = ("*", "^.*$", "../why", "why' OR ''='", "Größe \u6f22\u5b57")
"""Ids of questions and names of fields, some of which are patterns of data frames."""


class ForeignIdTests(ContractSubject):
    """Ids of foreign shape are reported as unknown, and never become part of an address."""

    def test_a_survey_id_of_foreign_shape_is_reported(self) -> None:
        """A foreign survey id ends in an error that is no bug, at an address for unknown ids."""
        unknown_survey(self.lab)
        known = {
            _shape(request, self.unknown_survey_id)
            for result in self.lab.results.values()
            for request, _ in result.exchanges
        }
        for survey_id in (*FOREIGN_IDS, *_numbers_like(self.survey_id)):
            answers, exchanges = _ask(self.lab, survey_id)
            for hook, answer in answers.items():
                _expect_typed(f"{hook} for the survey id “{survey_id[:40]}”", answer)
            for request, _ in exchanges:
                expect(
                    _shape(request, survey_id) in known,
                    f"For the survey id “{survey_id[:40]}”, the source requests "
                    f"{request.target[:80]}.",
                    "raise SurveyUnavailable for an id that the survey tool cannot have, or encode "
                    'it with `urllib.parse.quote(survey_id, safe="")`',
                )

    def test_a_question_id_of_foreign_shape_is_reported(self) -> None:
        """A foreign id of a question or name of a field ends in an error that is no bug."""
        batch(self.lab)
        question = best_question(self.lab.questionnaire())
        answered = Calculation.ANSWERED
        queries = []
        for name in FOREIGN_NAMES:
            other = question.model_copy(update={"id": name})
            field = GroupBy(kind="field", of=name)
            queries += [
                build_query(
                    f"question {name}", self.survey_id, calculation=answered, question=other
                ),
                build_query(
                    f"field {name}",
                    self.survey_id,
                    calculation=answered,
                    question=question,
                    group_by=field,
                ),
            ]
        exchanges = self.lab.results["batch"].exchanges
        result = self.lab.replay(
            lambda session: session.fetch(self.survey_id, queries),
            Replay(exchanges) if exchanges else None,
        )
        for name, answer in (result.value or {"the call": result.error}).items():
            _expect_typed(name, answer)


def _expect_typed(what: str, answer: object) -> None:
    kind = answer.kind if isinstance(answer, MetricsError) else "no error"
    expect(
        isinstance(answer, MetricsError) and kind not in error_kinds(PluginError),
        f"{what}: the source reports {kind}.",
        "look ids up in what the survey tool returned, compare them as text, and raise "
        "SurveyUnavailable or QuestionUnavailable for others",
    )


def _numbers_like(survey_id: str) -> tuple[str, ...]:
    """Return texts that ``int`` reads as the same number as the id of the survey, if it is one."""
    if not (survey_id.isascii() and survey_id.isdecimal()):
        return ("007",)
    wide = "".join(chr(ord("\uff10") + int(digit)) for digit in survey_id)
    return (f"0{survey_id}", f"+{survey_id}", f"{survey_id}.0", wide)


def _ask(lab: Lab, survey_id: str) -> tuple[Mapping[str, object], Exchanges]:
    """Return what both hooks answer for a survey id, and the exchanges."""
    exchanges: Exchanges = []
    query = build_query("responses", survey_id)

    def work(session: SourceSession) -> Mapping[str, object]:
        answers: dict[str, object] = {}
        try:
            answers["list_questions"] = session.questions(survey_id)
        except MetricsError as error:
            answers["list_questions"] = error
        answers["fetch_metric"] = session.fetch(survey_id, [query])[query.id]
        return answers

    source = lab.load_source(_transports(lab, exchanges))
    result = lab.replay(work, None, source=source)
    lab.expect_no_leak(f"The survey id “{survey_id[:40]}”", result)
    return result.value or {"the session": result.error}, exchanges


def _transports(lab: Lab, exchanges: Exchanges) -> Transports:
    """Return transports to the server of the test, or to the recordings for an unknown survey."""
    server = type(lab.facts).server  # On the instance, the function would be a method.
    recorded = lab.results["unknown_survey"].exchanges
    inner = partial(httpx.MockTransport, server) if server else Replay(recorded).transport
    return lambda: RecordingTransport(inner(), exchanges)


def _shape(request: RecordedRequest, survey_id: str) -> tuple[object, ...]:
    """Return the path and the names of parameters of a request, without the survey id."""
    segments = (unquote(part).replace(survey_id, "*") for part in request.path.split("/"))
    parameters = {name for name, _ in parse_qsl(request.target.partition("?")[2])}
    return request.method, tuple(segments), frozenset(parameters)
