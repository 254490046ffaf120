"""A question deleted and added again: the card names the new one, also when Qualtrics cannot."""

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
    """Load the one card."""
    (card,) = host.cards.load(ADMIN, wait=600)
    return card


def problem_of(card: Card) -> Problem:
    """Give the problem that a failed card must have."""
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert (card.problem.kind, card.problem.issue) == ("question_unavailable", Issue.DATA)
    return card.problem


def test_the_successor_of_a_question_deleted_for_good_is_offered(
    own: Account, host: MetricsHost
) -> None:
    """Nobody but the metric still knows the question; one click puts the new one in its place."""
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
    """People know its text, not its id."""
    host.metrics.add(ADMIN, "qualtrics", "Satisfied", SATISFIED)
    own.sandbox.state.delete_question(SURVEY, "QID2")
    problem = problem_of(load(host))
    assert "“Satisfied?”" in problem.message
    assert problem.fields == ()


def test_a_group_by_that_is_gone_is_offered_as_a_group_by(own: Account, host: MetricsHost) -> None:
    """The suggestion is what the part of the metric takes."""
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


def test_what_a_metric_knows_survives_a_rename(host: MetricsHost) -> None:
    """Only a new definition is looked up again."""
    metric = host.metrics.add(ADMIN, "qualtrics", "Satisfied", SATISFIED)
    renamed = host.metrics.edit(ADMIN, metric.id, name="Happy")
    assert renamed.questions == metric.questions
    assert host.metrics.show(ADMIN, metric.id).questions == metric.questions


def test_a_question_in_the_trash_names_its_successor_itself(own: Account) -> None:
    """Qualtrics still shows it, so a preview is told as well; parts of it are known, too."""
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
def test_a_successor_is_named_only_when_it_is_plain(
    known: KnownQuestion, successor: str | None
) -> None:
    """Name and text, or a name or text that no other question has."""
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


def test_the_error_survives_its_way_to_the_host() -> None:
    """The suggestion is a part of the problem, whichever process made it."""
    survey = read_survey_with({"QID1": mc("How was it?", {"1": "A"})})
    error = survey.questionnaire.deleted("QID7", KnownQuestion(text="How was it?"), "filters")
    assert type(error) is QuestionUnavailable
    (field,) = error.to_problem().fields
    assert (field.name, field.suggestion) == ("filters", "QID1")
