"""Who asks: every call to the host names an actor, and every row belongs to an account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from smaply_metrics_core.errors import RoleRequired
from smaply_metrics_core.models.problem import Audience


class Role(IntEnum):
    """What a person may do; each role may do what the ones before it may."""

    VIEWER = 1
    """Sees cards."""
    EDITOR = 2
    """Makes metrics."""
    ADMIN = 3
    """Connects sources and downloads debug bundles."""

    @property
    def audience(self) -> Audience:
        """The role as the reader of a problem."""
        return Audience[self.name]


@dataclass(frozen=True)
class Actor:
    """A person of an account. The host app has signed them in; the core only checks the role."""

    account: str
    user: str
    role: Role

    def require(self, role: Role, what: str) -> None:
        """Let pass who may do this.

        Raises:
            RoleRequired: naming the role that is needed.
        """
        if self.role < role:
            raise RoleRequired(
                f"{what} needs the role {role.name.capitalize()}; "
                f"{self.user} is {self.role.name.capitalize()}.",
                remedy=f"Ask an {'Admin' if role is Role.ADMIN else 'Editor or Admin'} "
                "of this account.",
            )
