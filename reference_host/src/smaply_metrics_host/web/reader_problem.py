"""Problems as the signed-in person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smaply_metrics_core.host import Problem, Role

ANY_SOURCE: Final = "the survey tool"
"""The name of the survey tool where an error does not name one."""


def problem_for(role: Role, problem: Problem, source: str = ANY_SOURCE) -> Problem:
    """Return a problem as a person with a role reads it.

    Args:
        role: The role of the person; ``Role.VIEWER`` if no one is signed in.
        problem: The problem with all details.
        source: The name of the survey tool, such as ``Qualtrics``.
    """
    return problem.for_reader(role.audience, source=source)
