"""What the demo measures: a file of invented visits, and metrics for whatever a survey asks."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.models.query import (
    Calculation,
    DateRange,
    Definition,
    GroupBy,
    MetricType,
)
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VISITS: Final = 420
DAYS: Final = 360
STORES: Final = ("Graz", "Innsbruck", "Wien")
NUMBER, SERIES, COMPARISON = MetricType.NUMBER, MetricType.SERIES, MetricType.COMPARISON


def write_visits(path: Path, *, seed: int, now: datetime) -> None:
    """Write a file of invented store visits, as the csv_example source reads them.

    Args:
        path: The file; replaced when it is there.
        seed: Another seed makes other visitors.
        now: The end of the year that the visits spread over.
    """
    chance = random.Random(f"visits {seed}")  # noqa: S311  # Invented answers, no secrets.
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["recorded_at", "status", "finished", "field:store", "nps", "satisfaction"])
        for number in range(VISITS):
            at = now - timedelta(days=DAYS * (1 - number / VISITS), minutes=chance.randint(0, 600))
            store = chance.choice(STORES)
            mood = chance.gauss(7.4 + number / VISITS + 0.5 * STORES.index(store), 2.2)
            score = min(10, max(0, round(mood)))
            satisfaction = min(5, max(1, round(mood / 2)))
            rows.writerow(
                [
                    at.isoformat(timespec="seconds"),
                    "test" if chance.random() < 0.02 else "",  # noqa: PLR2004  # A few.
                    int(chance.random() > 0.05),  # noqa: PLR2004  # Some give up.
                    store,
                    score,
                    satisfaction if chance.random() > 0.1 else "",  # noqa: PLR2004  # Blanks.
                ]
            )


def demo_metrics(questionnaire: Questionnaire) -> Iterator[tuple[str, Definition]]:
    """Make metrics of all three types for a survey, as far as its questions allow them."""
    survey_id, name = questionnaire.survey.id, questionnaire.survey.name

    def definition(
        kind: MetricType,
        calculation: Calculation,
        question: Question | None = None,
        group_by: str | None = None,
        preset: str = "all_time",
    ) -> Definition:
        return Definition(
            type=kind,
            survey_id=survey_id,
            question_id=question.id if question else None,
            calculation=calculation,
            group_by=GroupBy.parse(group_by) if group_by else None,
            range=DateRange(preset=preset),
        )

    yield f"Responses ({name})", definition(NUMBER, Calculation.RESPONSES)
    nps = _first(questionnaire, lambda one: one.kind is QuestionKind.NPS)
    if nps is not None:
        yield f"NPS ({name})", definition(NUMBER, Calculation.NPS, nps)
        yield (
            f"NPS by quarter ({name})",
            definition(SERIES, Calculation.NPS, nps, "period:quarter"),
        )
        yield (
            f"NPS, last 90 days and before ({name})",
            definition(COMPARISON, Calculation.NPS, nps, preset="last_90_days"),
        )
    scale = _first(
        questionnaire,
        lambda one: (
            one.kind is QuestionKind.SINGLE_CHOICE and Calculation.TOP_2_BOX in one.calculations
        ),
    )
    if scale is not None:
        yield f"Top 2 box ({name})", definition(NUMBER, Calculation.TOP_2_BOX, scale)
        if questionnaire.fields:
            field = questionnaire.fields[0]
            yield (
                f"Average by {field.label or field.name} ({name})",
                definition(SERIES, Calculation.AVERAGE, scale, f"field:{field.name}"),
            )


def _first(questionnaire: Questionnaire, fits: Callable[[Question], bool]) -> Question | None:
    return next((question for question in questionnaire.walk() if fits(question)), None)
