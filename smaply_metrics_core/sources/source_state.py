"""What can be said of an installed source: whether it may be used, and why not."""

from __future__ import annotations

from enum import StrEnum

from smaply_metrics_core.models.base import Frozen


class SourceStatus(StrEnum):
    """Whether a source can be used."""

    OK = "ok"
    """Nothing speaks against it. Before it is loaded, that is as far as anybody has looked."""
    BROKEN = "broken"
    """It cannot be imported, or what was imported does not keep the contract."""
    INCOMPATIBLE = "incompatible"
    """It needs another version: its distribution requires other releases of the core (then it is
    not imported), or it declares a contract that this release does not offer."""
    CLASH = "clash"
    """Several entry points claim its id, so none of them is used until a setting names one."""
    BLOCKED = "blocked"
    """A setting keeps it out; it was not imported."""


class SourceState(Frozen):
    """One entry point and what became of it.

    Attributes:
        id: The entry point's name.
        title: What people call it; the id until it is loaded.
        distribution: The installed distribution it comes from.
        version: That distribution's version; empty when its metadata does not say.
        contract: The versions of the core it asks for; empty when it asks for none in particular.
        state: Whether it can be used.
        reason: Why not, and what to do; empty when it is ``ok``.
        hooks: The hooks it implements; empty until it is loaded.
    """

    id: str
    title: str
    distribution: str
    version: str
    contract: str
    state: SourceStatus
    reason: str = ""
    hooks: tuple[str, ...] = ()
