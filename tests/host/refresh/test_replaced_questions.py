"""Naming the successor of a question is a courtesy: it never makes anything worse."""

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
    """A session that cannot describe its survey."""

    def __init__(self, error: MetricsError) -> None:
        self.error = error
        self.asked = 0

    def questions(self, survey_id: str) -> Any:  # noqa: ANN401  # As a session's.
        """Fail."""
        self.asked += 1
        raise self.error


def metric(**known: KnownQuestion) -> Metric:
    """Make a metric of a question."""
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
    """Name the successor of the one question."""
    one = metric(stars=KnownQuestion(text="How many stars?"))
    return find_replaced_questions(session, "S1", [one], {"m": answer})["m"]  # type: ignore[arg-type]


def test_a_survey_that_cannot_be_read_again_keeps_the_first_reason() -> None:
    """What the source said of the question stands."""
    gone = QuestionUnavailable("It is gone.")
    assert named(Session(SourceUnavailable("Down.")), gone) is gone


def test_only_a_question_that_is_gone_costs_another_look() -> None:
    """Other errors, and what already names a successor, are left alone."""
    session = Session(SourceUnavailable("Down."))
    other = SourceUnavailable("Down.")
    assert named(session, other) is other
    assert session.asked == 0


def test_a_cancelled_refresh_stays_cancelled() -> None:
    """A clean shutdown is no failed attempt."""
    with pytest.raises(Cancelled):
        named(Session(Cancelled("Stop.")), QuestionUnavailable("It is gone."))


def test_what_the_questions_were_called_is_kept(connected: MetricsHost) -> None:
    """It is read from the survey when the metric is made, and kept in the store."""
    made = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert made.questions == {"stars": KnownQuestion(text="How many stars?")}
    assert connected.metrics.show(EDITOR, made.id).questions == made.questions
