"""One query with everything in the survey that it names, and how that is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.survey import Question
from smaply_metrics_qualtrics.questions import Reading


@dataclass(frozen=True)
class Part:
    """One query with everything in the survey that it names.

    Attributes:
        question: What it measures; ``None`` counts responses.
        reading: How that is read.
        others: The questions that it groups by or filters on, by id.
        readings: How those are read, by id.
        fields: The embedded fields that it groups by or filters on.
    """

    query: MetricQuery
    question: Question | None
    reading: Reading | None
    others: Mapping[str, Question]
    readings: Mapping[str, Reading]
    fields: tuple[str, ...]

    def all_readings(self) -> Iterator[Reading]:
        """Yield every reading that it needs columns for."""
        if self.reading is not None:
            yield self.reading
        yield from self.readings.values()
