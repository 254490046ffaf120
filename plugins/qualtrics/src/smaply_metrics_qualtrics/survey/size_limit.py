"""The limit of the choices of a survey. A matrix has as many as its rows times its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smaply_metrics_core import SourceUnavailable
from smaply_metrics_qualtrics.json_values import as_dict
from smaply_metrics_qualtrics.survey.choices import carried_from

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
    rows = {name: _count(question, "Choices") for name, question in questions.items()}
    total = 0
    for name, question in questions.items():
        carried = sum(rows[source] for source in carried_from(question, questions))
        columns = max(1, _count(question, "Answers"))
        total += (rows[name] + carried) * columns * max(1, len(loops.get(name) or ()))
    if total > MOST_CHOICES:
        raise SourceUnavailable(
            f"The survey has more than {MOST_CHOICES:,} choices, counted for each row and loop.",
            remedy="Choose another survey, or remove rows and columns from its largest matrix.",
        )


def _count(question: Mapping[str, Any], part: str) -> int:
    """Return the number of choices or answers of a question and of its side-by-side parts."""
    parts = (question, *as_dict(question.get("AdditionalQuestions")).values())
    found = [as_dict(one).get(part) for one in parts]
    return sum(len(one) for one in found if isinstance(one, dict | list))
