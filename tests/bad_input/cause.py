"""What a cause of trouble is, and how it is brought about and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smaply_metrics_core import Issue, Problem
from tests.bad_input.connected_account import HOST, World


class Where(StrEnum):
    """Where people meet it."""

    SAVE = "Saving the connection"
    PAGE = "The Integrations page"
    METRIC = "Making a metric"
    CARD = "The card"


@dataclass(frozen=True)
class Works:
    """What people see where nothing is wrong after all."""

    message: str
    remedy: str


@dataclass(frozen=True)
class Cause:
    """One cause of trouble, and what has to be seen of it.

    Attributes:
        kind: The kind of the problem; empty where it works all the same.
        says: Parts of the message.
        advises: Parts of the remedy.
        bring_about: Makes it happen, checks what else has to hold, and gives what people see.
    """

    title: str
    where: Where
    kind: str
    issue: Issue | None
    says: tuple[str, ...]
    advises: tuple[str, ...]
    bring_about: Callable[[World], Problem | Works | None]


CAUSES: Final[list[Cause]] = []
"""Every cause of the modules that were imported."""


def cause(
    title: str,
    where: Where,
    *,
    kind: str = "",
    issue: Issue | None = None,
    says: tuple[str, ...],
    advises: tuple[str, ...],
) -> Callable[[Callable[[World], Problem | Works | None]], Callable[[World], object]]:
    """Put a cause into the table: the function brings it about."""

    def add(bring_about: Callable[[World], Problem | Works | None]) -> Callable[[World], object]:
        CAUSES.append(Cause(title, where, kind, issue, says, advises, bring_about))
        return bring_about

    return add


@dataclass(frozen=True)
class Seen:
    """What people saw of one cause."""

    kind: str
    issue: Issue | None
    message: str
    remedy: str


def see(one: Cause, world: World) -> Seen:
    """Bring a cause about and give what people see.

    The names of this run are replaced: the sandbox's by a usual host, the home's by HOME.
    """
    shown = one.bring_about(world)
    assert shown is not None, "nobody was told anything"

    def plain(text: str) -> str:
        text = text.replace(world.sandbox.host, HOST).replace("127.0.0.1", HOST)
        return text.replace(str(world.home), "HOME")

    message, remedy = plain(shown.message), plain(shown.remedy)
    if isinstance(shown, Works):
        return Seen("", None, message, remedy)
    return Seen(shown.kind, shown.issue, message, remedy)
