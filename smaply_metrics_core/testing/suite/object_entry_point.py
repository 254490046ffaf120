"""An entry point for a source that is an object instead of the id of an installed source."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

from smaply_metrics_core.hook_markers import ENTRY_POINT_GROUP
from smaply_metrics_core.sources.discovery import installed_entry_points
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.testing.assertions import broken


class UninstalledEntryPoint(EntryPoint):
    """The entry point of an object that no distribution installs."""

    def load(self) -> Any:  # noqa: ANN401  # Any object that an author passes.
        """Return the object."""
        return vars(self)["target"]


def entry_point_of(source: str | object) -> EntryPoint:
    """Return the entry point of a source: an object, or the id of an installed source.

    Raises:
        InputError: if no source with this id is installed.
        SourceNotUsable: if it cannot be used.
        AssertionError: if the object does not describe itself.
    """
    if not isinstance(source, str):
        return object_entry_point(source)
    points = installed_entry_points()
    SourceRegistry(entry_points=lambda: points).get(source)  # Raises if it cannot be used.
    return next(one for one in points if one.name == source)


def object_entry_point(target: object) -> EntryPoint:
    """Return the entry point of an object that no distribution installs.

    Raises:
        AssertionError: if the object does not describe itself.
    """
    try:
        name = target.describe_source().id  # type: ignore[attr-defined]  # Tried.
    except Exception as error:  # noqa: BLE001  # Any object that an author passes.
        raise broken(
            "The fact `source` is neither the id of an installed source nor an object with a "
            f"working `describe_source`: {type(error).__name__}.",
            "set `source` to an id from `smaply-metrics source list`, or to the entry point's "
            "object",
        ) from None
    metadata = Message()
    metadata["Name"], metadata["Version"] = "contract-test", "0"
    point = UninstalledEntryPoint(name=name, value="contract:source", group=ENTRY_POINT_GROUP)
    vars(point).update(target=target, dist=SimpleNamespace(metadata=metadata, requires=[]))
    return point
