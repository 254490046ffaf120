"""Causes of problems: how to reproduce them, and what people see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smaply_metrics_core import Issue, Problem
from tests.bad_input.connected_account import HOST, World


class Where(StrEnum):
    """Where people see the problem."""

    SAVE = "Saving the connection"
    PAGE = "The Integrations page"
    METRIC = "Making a metric"
    CARD = "The card"


@dataclass(frozen=True)
class Works:
    """What people see if there is no problem."""

    message: str
    remedy: str


@dataclass(frozen=True)
class Cause:
    """A cause of a problem, and what people must see.

    Attributes:
        kind: The kind of the problem; empty if there is none.
        says: Parts of the message.
        advises: Parts of the remedy.
        reproduce: Reproduces the cause, with further assertions, and returns what people see.
    """

    title: str
    where: Where
    kind: str
    issue: Issue | None
    says: tuple[str, ...]
    advises: tuple[str, ...]
    reproduce: Callable[[World], Problem | Works | None]


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
    """Register a function that reproduces a cause."""

    def add(reproduce: Callable[[World], Problem | Works | None]) -> Callable[[World], object]:
        CAUSES.append(Cause(title, where, kind, issue, says, advises, reproduce))
        return reproduce

    return add


@dataclass(frozen=True)
class Seen:
    """What people saw of a cause."""

    kind: str
    issue: Issue | None
    message: str
    remedy: str


def see(one: Cause, world: World) -> Seen:
    """Reproduce a cause and return what people see.

    The host of the sandbox is replaced by a real host name, and the home folder by HOME.
    """
    shown = one.reproduce(world)
    assert shown is not None, "there is no problem to show"

    def plain(text: str) -> str:
        text = text.replace(world.sandbox.host, HOST).replace("127.0.0.1", HOST)
        return text.replace(str(world.home), "HOME")

    message, remedy = plain(shown.message), plain(shown.remedy)
    if isinstance(shown, Works):
        return Seen("", None, message, remedy)
    return Seen(shown.kind, shown.issue, message, remedy)
