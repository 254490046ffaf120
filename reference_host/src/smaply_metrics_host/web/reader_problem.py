"""Problems as the signed-in person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import StoreError

if TYPE_CHECKING:
    from smaply_metrics_core.host import Problem, Role

ANY_SOURCE: Final = "the survey tool"
"""The name of the survey tool where an error does not name one."""
SUMMARIES: Final = {
    StoreError.kind: "The database of this installation cannot be used.",
    "drawing_failed": "The chart could not be rendered.",
}
"""The summaries of kinds whose derived summary would blame the survey tool."""


def problem_for(role: Role, problem: Problem, source: str = ANY_SOURCE) -> Problem:
    """Return a problem as a person with a role reads it.

    Args:
        role: The role of the person; ``Role.VIEWER`` if no one is signed in.
        problem: The problem with all details.
        source: The name of the survey tool, such as ``Qualtrics``.
    """
    if problem.summary is None and problem.kind in SUMMARIES:
        problem = problem.model_copy(update={"summary": SUMMARIES[problem.kind]})
    shown = problem.for_reader(role.audience, source=source)
    if shown is problem:
        return problem
    message = shown.message[:1].upper() + shown.message[1:]
    return shown.model_copy(update={"message": message})
