"""The scenario with adjacent date ranges and Comparisons of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import Calculation, Window
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import broken, unexpected
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.queries import (
    BY_MONTH,
    DAY,
    SECOND,
    best_question,
    build_query,
    month_boundaries,
)
from smaply_metrics_core.testing.suite.tally_invariants import query_tally


def survey_boundaries(lab: Lab) -> tuple[datetime, datetime, datetime]:
    """Return the start, a month boundary in the middle, and the end of the survey's responses.

    Raises:
        AssertionError: if all responses were recorded in one month.
    """
    answers, _ = lab.groups()
    tally = answers[str(BY_MONTH)]
    if isinstance(tally, MetricsError):
        raise unexpected(tally, "Grouping by month")
    try:
        return month_boundaries(tally)
    except ValueError:
        raise broken(
            f"All responses of {lab.facts.survey_id} were recorded in one month.",
            "set `survey_id` to a survey with responses in several months",
        ) from None


def date_ranges(lab: Lab) -> Mapping[str, Tally]:
    """Return the answered counts of one question in each date range, by name."""
    start, middle, end = survey_boundaries(lab)
    ranges = {"whole": (start, end), "before": (start, middle), "after": (middle, end)}
    at = lab.facts.recorded_at
    if at is not None:
        ranges |= {
            "around": (at - DAY, at + DAY),
            "up to": (at - DAY, at),
            "from": (at, at + DAY),
            "next": (at + DAY, at + 2 * DAY),
            "second": (at, at + SECOND),
        }
    excluded = lab.facts.excluded_at
    if excluded is not None:
        ranges |= {
            "around an excluded one": (excluded - DAY, excluded + DAY),
            "up to an excluded one": (excluded - DAY, excluded),
            "from an excluded one": (excluded, excluded + DAY),
            "an excluded one": (excluded, excluded + SECOND),
        }
    question = best_question(lab.questionnaire())
    queries = [
        build_query(
            name,
            lab.facts.survey_id,
            calculation=Calculation.ANSWERED,
            question=question,
            windows=(Window(start=since, end=until),),
        )
        for name, (since, until) in ranges.items()
    ]
    compared = build_query(
        "compared",
        lab.facts.survey_id,
        calculation=Calculation.ANSWERED,
        question=question,
        windows=(
            Window(start=middle, end=end),
            Window(name="previous", start=start, end=middle),
        ),
    )
    queries.append(compared)
    if at is not None:
        queries += [
            compared.model_copy(
                update={
                    "id": name,
                    "windows": (
                        Window(start=boundary, end=boundary + DAY),
                        Window(name="previous", start=boundary - DAY, end=boundary),
                    ),
                }
            )
            for name, boundary in (("compared at", at), ("compared after", at + DAY))
        ]
    answers = lab.fetch("ranges", *queries)
    return {query.id: query_tally(answers, query) for query in queries}
