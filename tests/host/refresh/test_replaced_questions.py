"""Suggesting the successor of a question never makes an error worse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.errors import (
    Cancelled,
    MetricsError,
    QuestionUnavailable,
    SourceUnavailable,
)
from smaply_metrics_core.host.refresh.replaced_questions import find_replaced_questions
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.survey import KnownQuestion
from tests.host.conftest import AVERAGE, EDITOR

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class Session:
    """A session that cannot read its survey."""

    def __init__(self, error: MetricsError) -> None:
        self.error = error
        self.asked = 0

    def questions(self, survey_id: str) -> Any:  # noqa: ANN401  # The signature of a session.
        """Fail."""
        self.asked += 1
        raise self.error


def metric(**known: KnownQuestion) -> Metric:
    """Return a metric of a question."""
    return Metric(
        id="m",
        workspace="w",
        name="Stars",
        source="shop",
        definition=AVERAGE,
        questions=known,
        created_at=WHEN,
        updated_at=WHEN,
    )


def named(session: Session, answer: MetricsError) -> object:
    """Return the answer with the successor of the question."""
    one = metric(stars=KnownQuestion(text="How many stars?"))
    return find_replaced_questions(session, "S1", [one], {"m": answer})["m"]  # type: ignore[arg-type]


def test_an_unreadable_survey_keeps_the_first_error() -> None:
    """The error of the source is kept."""
    gone = QuestionUnavailable("It is gone.")
    assert named(Session(SourceUnavailable("Down.")), gone) is gone


def test_only_a_deleted_question_requires_the_questionnaire() -> None:
    """Other errors, and those that already suggest a successor, are unchanged."""
    session = Session(SourceUnavailable("Down."))
    other = SourceUnavailable("Down.")
    assert named(session, other) is other
    assert session.asked == 0


def test_a_cancelled_refresh_stays_cancelled() -> None:
    """A clean shutdown does not count as a failed attempt."""
    with pytest.raises(Cancelled):
        named(Session(Cancelled("Stop.")), QuestionUnavailable("It is gone."))


def test_the_names_of_questions_are_stored(connected: MetricsHost) -> None:
    """They are read from the survey when the metric is created."""
    made = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert made.questions == {"stars": KnownQuestion(text="How many stars?")}
    assert connected.metrics.show(EDITOR, made.id).questions == made.questions
