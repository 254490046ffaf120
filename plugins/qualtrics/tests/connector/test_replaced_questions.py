"""Tests that cards suggest the successor of a deleted question."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from plugins.qualtrics.tests.connector.support import (
    SURVEY,
    TOKEN,
    Account,
    mc,
    query,
    read_survey_with,
)
from smaply_metrics_core import (
    Calculation,
    Definition,
    Filter,
    GroupBy,
    Issue,
    KnownQuestion,
    MetricsError,
    MetricType,
    Problem,
    QuestionUnavailable,
)
from smaply_metrics_core.host import (
    Actor,
    AllowedDestinations,
    Card,
    Freshness,
    MetricsHost,
    Role,
    Settings,
    SourceRegistry,
)

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
ADMIN = Actor("acme", "ada", Role.ADMIN)
SATISFIED = Definition(survey_id=SURVEY, question_id="QID2", calculation=Calculation.AVERAGE)


@pytest.fixture
def host(own: Account, tmp_path: Path) -> Iterator[MetricsHost]:
    """A host that is connected to the sandbox."""
    home = tmp_path / "home"
    host = MetricsHost(
        Settings(
            home=home,
            allowed=AllowedDestinations(store=home / "store.db"),
            encryption_keys=SecretStr(KEY),
        ),
        clock=own.clock,
        registry=SourceRegistry(clock=own.clock),
    )
    host.connections.connect(ADMIN, "qualtrics", {"api_token": TOKEN, "base_url": own.sandbox.host})
    yield host
    host.close()


def load(host: MetricsHost) -> Card:
    """Load the only card."""
    (card,) = host.cards.load(ADMIN, wait=600)
    return card


def problem_of(card: Card) -> Problem:
    """Return the problem of a failed card."""
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert (card.problem.kind, card.problem.issue) == ("question_unavailable", Issue.DATA)
    return card.problem


def test_the_successor_of_a_permanently_deleted_question_is_suggested(
    own: Account, host: MetricsHost
) -> None:
    """Only the metric knows the name of the deleted question; the suggestion can be saved."""
    metric = host.metrics.add(ADMIN, "qualtrics", "Satisfied", SATISFIED)
    assert metric.questions == {"QID2": KnownQuestion(name="Satisfied", text="Satisfied?")}
    own.sandbox.state.delete_question(SURVEY, "QID2")
    own.sandbox.state.restore_question(SURVEY, "QID2", "QID99")
    problem = problem_of(load(host))
    assert "“Satisfied?”" in problem.message
    assert "QID99" in problem.remedy
    (field,) = problem.fields
    assert (field.name, field.suggestion) == ("question_id", "QID99")
    edited = SATISFIED.model_copy(update={field.name: field.suggestion})
    changed = host.metrics.edit(ADMIN, metric.id, definition=edited)
    assert changed.questions == {"QID99": KnownQuestion(name="Satisfied", text="Satisfied?")}
    assert load(host).freshness is Freshness.FRESH


def test_a_question_without_a_successor_is_still_named(own: Account, host: MetricsHost) -> None:
    """The message contains the text of the question."""
    host.metrics.add(ADMIN, "qualtrics", "Satisfied", SATISFIED)
    own.sandbox.state.delete_question(SURVEY, "QID2")
    problem = problem_of(load(host))
    assert "“Satisfied?”" in problem.message
    assert problem.fields == ()


def test_the_successor_of_a_group_by_is_suggested_as_a_group_by(
    own: Account, host: MetricsHost
) -> None:
    """The suggestion has the format of the field."""
    definition = Definition(
        type=MetricType.SERIES,
        survey_id=SURVEY,
        question_id="QID1",
        calculation=Calculation.AVERAGE,
        group_by=GroupBy(kind="question", of="QID3"),
        filters=(Filter(kind="question", of="QID2", values=("5",)),),
    )
    metric = host.metrics.add(ADMIN, "qualtrics", "By channel", definition)
    assert set(metric.questions) == {"QID1", "QID2", "QID3"}
    own.sandbox.state.delete_question(SURVEY, "QID3")
    own.sandbox.state.restore_question(SURVEY, "QID3", "QID33")
    (field,) = problem_of(load(host)).fields
    assert (field.name, field.suggestion) == ("group_by", "question:QID33")
    assert GroupBy.parse(field.suggestion or "") == GroupBy(kind="question", of="QID33")


def test_stored_question_names_survive_a_rename_of_the_metric(host: MetricsHost) -> None:
    """Only a changed definition updates them."""
    metric = host.metrics.add(ADMIN, "qualtrics", "Satisfied", SATISFIED)
    renamed = host.metrics.edit(ADMIN, metric.id, name="Happy")
    assert renamed.questions == metric.questions
    assert host.metrics.show(ADMIN, metric.id).questions == metric.questions


def test_the_successor_of_a_question_in_the_trash_is_suggested(own: Account) -> None:
    """Qualtrics still returns its name, and those of its sub-questions."""
    own.sandbox.state.delete_question(SURVEY, "QID5", to_trash=True)
    own.sandbox.state.restore_question(SURVEY, "QID5", "QID55")
    with pytest.raises(MetricsError) as gone:
        own.measure(query("average", "QID5_2"))
    (field,) = gone.value.to_problem().fields
    assert (field.name, field.suggestion) == ("question_id", "QID55_2")


@pytest.mark.parametrize(
    ("known", "successor"),
    [
        (KnownQuestion(name="Q2", text="How was it?"), "QID3"),
        (KnownQuestion(name="Q9", text="Alone here"), "QID4"),
        (KnownQuestion(name="Q4", text="Other words"), "QID4"),
        (KnownQuestion(name="Q9", text="How was it?"), None),
        (KnownQuestion(name="Q1", text="Other words"), None),
        (KnownQuestion(), None),
    ],
)
def test_a_successor_is_suggested_only_if_unambiguous(
    known: KnownQuestion, successor: str | None
) -> None:
    """It has the same name and text, or a unique name or text."""
    survey = read_survey_with(
        {
            "QID1": mc("How was it?", {"1": "A"}, DataExportTag="Q1"),
            "QID2": mc("Something else", {"1": "A"}, DataExportTag="Q1"),
            "QID3": mc("How was it?", {"1": "A"}, DataExportTag="Q2"),
            "QID4": mc("Alone here", {"1": "A"}, DataExportTag="Q4"),
        }
    )
    found = survey.questionnaire.successor(known)
    assert (found.id if found else None) == successor


def test_the_suggestion_is_part_of_the_problem() -> None:
    """The error keeps it when converted to a problem."""
    survey = read_survey_with({"QID1": mc("How was it?", {"1": "A"})})
    error = survey.questionnaire.deleted("QID7", KnownQuestion(text="How was it?"), "filters")
    assert type(error) is QuestionUnavailable
    (field,) = error.to_problem().fields
    assert (field.name, field.suggestion) == ("filters", "QID1")
