"""The limit of the choices of a survey. A matrix has as many as its rows times its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smaply_metrics_core import SourceUnavailable
from smaply_metrics_qualtrics.survey.choices import count_options
from smaply_metrics_qualtrics.survey.side_by_side import side_by_side_columns

MOST_CHOICES: Final = 500_000
"""The maximum number of choices of all questions, rows and loops. A definition of some megabytes
can have ten thousand million; the largest surveys have a hundred thousand."""


def check_size(
    questions: Mapping[str, Mapping[str, Any]], loops: Mapping[str, Mapping[str, str] | None]
) -> None:
    """Check the number of choices before any of them is created.

    Raises:
        SourceUnavailable: if there are more than ``MOST_CHOICES``.
    """
    total = 0
    for name, question in questions.items():
        for body in (question, *side_by_side_columns(question).values()):
            columns = max(1, count_options(body, questions, "Answer"))
            loops_of_it = max(1, len(loops.get(name) or ()))
            total += count_options(body, questions) * columns * loops_of_it
    if total > MOST_CHOICES:
        raise SourceUnavailable(
            f"The survey has more than {MOST_CHOICES:,} choices, counted for each row and loop.",
            remedy="Choose another survey, or remove rows and columns from its largest matrix.",
        )
