"""Authorization: every call names an actor, and every row belongs to an account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from smaply_metrics_core.errors import RoleRequired
from smaply_metrics_core.models.problem import Audience


class Role(IntEnum):
    """What a person may do; each role includes the ones before it."""

    VIEWER = 1
    """Sees cards."""
    EDITOR = 2
    """Creates metrics."""
    ADMIN = 3
    """Connects sources and downloads debug bundles."""

    @property
    def audience(self) -> Audience:
        """The role as the audience of a problem."""
        return Audience[self.name]


@dataclass(frozen=True)
class Actor:
    """A person of an account. The host app has signed them in; the core only checks the role."""

    account: str
    user: str
    role: Role

    def require(self, role: Role, what: str) -> None:
        """Raise unless the actor has this role or a higher one.

        Args:
            role: The role that is required.
            what: The action, as the subject of a sentence: ``Editing a metric``.

        Raises:
            RoleRequired: when the actor has a lower role.
        """
        if self.role < role:
            raise RoleRequired(
                f"{what} requires {_WITH_ARTICLE[role]}; you are {_WITH_ARTICLE[self.role]}.",
                remedy=f"Ask an {'Admin' if role is Role.ADMIN else 'Editor or Admin'} "
                "of this account.",
            )


_WITH_ARTICLE: Final = {Role.VIEWER: "a Viewer", Role.EDITOR: "an Editor", Role.ADMIN: "an Admin"}
