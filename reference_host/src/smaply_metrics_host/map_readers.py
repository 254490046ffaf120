"""Who reads a map: people of the account by role, and guests with a share link."""

from __future__ import annotations

from enum import Enum
from typing import Final

from smaply_metrics_core.host import Role


class Guest(Enum):
    """A reader who opened a share link: without an account, and so without a role."""

    GUEST = "guest"


MapReader = Role | Guest
"""The readers for whom a map is rendered differently."""
READERS: Final[tuple[MapReader, ...]] = (*Role, *Guest)


def role_of(reader: MapReader) -> Role:
    """Return the role whose problem texts a reader may at most read."""
    return reader if isinstance(reader, Role) else Role.VIEWER
