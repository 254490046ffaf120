"""The scenario with date ranges around an excluded response."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from smaply_metrics_core.models.query import Window
from smaply_metrics_core.models.tally import WindowTally
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.queries import DAY, SECOND, build_query
from smaply_metrics_core.testing.suite.tally_invariants import query_tally


def excluded_ranges(lab: Lab, at: datetime) -> Mapping[str, WindowTally]:
    """Return the counts of date ranges around an instant, by name."""
    ranges = {
        "around": (at - DAY, at + DAY),
        "up to": (at - DAY, at),
        "from": (at, at + DAY),
        "second": (at, at + SECOND),
    }
    queries = [
        build_query(name, lab.facts.survey_id, windows=(Window(start=since, end=until),))
        for name, (since, until) in ranges.items()
    ]
    answers = lab.fetch("excluded", *queries)
    return {query.id: query_tally(answers, query).window("current") for query in queries}
