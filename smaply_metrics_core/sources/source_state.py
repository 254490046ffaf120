"""The state of an installed source: whether it can be used, and why not."""

from __future__ import annotations

from enum import StrEnum

from smaply_metrics_core.models.base import Frozen


class SourceStatus(StrEnum):
    """Whether a source can be used."""

    OK = "ok"
    """It can be used. Before it is loaded, only its metadata has been checked."""
    BROKEN = "broken"
    """It cannot be imported, or does not implement the contract."""
    INCOMPATIBLE = "incompatible"
    """Its distribution requires other releases of the core (then it is not imported), or it
    declares another version of the contract."""
    CLASH = "clash"
    """Several entry points have its id, so none is used unless a setting selects one."""
    BLOCKED = "blocked"
    """A setting blocks it; it was not imported."""


class SourceState(Frozen):
    """The state of an entry point.

    Attributes:
        id: The name of the entry point.
        title: The title of the source; the id until it is loaded.
        distribution: The installed distribution.
        version: The version of the distribution; empty if its metadata has none.
        contract: The required releases of the core; empty if it has no such requirement.
        state: Whether the source can be used.
        reason: Why it cannot be used, and what to do; empty if ``ok``.
        hooks: The implemented hooks; empty until it is loaded.
    """

    id: str
    title: str
    distribution: str
    version: str
    contract: str
    state: SourceStatus
    reason: str = ""
    hooks: tuple[str, ...] = ()
