"""The ids of connections, and their names: unique in an account, and accepted wherever an id is."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from smaply_metrics_core.errors import AlreadyExists, AmbiguousConnection, InputError
from smaply_metrics_core.host.store.connections import ConnectionRow, no_connection
from smaply_metrics_core.models.problem import Audience

MAX_NAME_LENGTH: Final = 200
"""In characters; the length of the column in the store."""


def new_connection_id() -> str:
    """Return a random id for a new connection."""
    return f"con_{secrets.token_hex(6)}"


def validate_name(name: str) -> str:
    """Return the name of a connection without surrounding white space.

    Raises:
        InputError: when the name is too long or contains unprintable characters.
    """
    name = name.strip()
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InputError(
            "The name of the connection is not valid.",
            remedy=f"Use at most {MAX_NAME_LENGTH} printable characters, on one line.",
        )
    return name


def new_name(
    name: str, title: str, source: str, others: Iterable[ConnectionRow], names: Mapping[str, str]
) -> str:
    """Return the name of a new or renamed connection, by default the title of its source.

    Args:
        name: The entered name; it may be empty unless another connection has the same source.
        title: The title of the source.
        source: The id of the source.
        others: The other connections of the account.
        names: The names of connections by id.

    Raises:
        AlreadyExists: when another connection has this name, or there is no name to tell it from
            another one of the same source.
    """
    siblings = [row for row in others if row.source == source]
    if not name and siblings:
        raise _exists(
            f"This account is already connected to {title}: "
            f"{', '.join(f'“{names[row.id]}”' for row in siblings)}.",
            "Change the existing connection under Edit Configuration, or enter a name for another "
            "connection.",
        )
    name = name or title
    for row in others:
        if names[row.id].casefold() == name.casefold():
            raise _exists(
                f"This account already has a connection named “{names[row.id]}”.",
                "Enter another name.",
            )
    return name


def choose_connection(
    given: str, rows: Sequence[ConnectionRow], names: Mapping[str, str]
) -> ConnectionRow:
    """Return the connection with this name or this source.

    A name may differ in case, unless a source has this id.

    Raises:
        NotFound: when there is none.
        AmbiguousConnection: when there are several; the message lists them.
    """
    found = [row for row in rows if given in {names[row.id], row.source}]
    if not found:
        sought = given.strip().casefold()
        found = [row for row in rows if names[row.id].casefold() == sought]
    if len(found) > 1:
        listed = ", ".join(f"“{names[row.id]}” ({row.id})" for row in found)
        raise AmbiguousConnection(
            f"This account has several connections for “{given}”: {listed}.",
            remedy="Choose one of them by its name or ID.",
        )
    if not found:
        raise no_connection(given)
    return found[0]


def connection_label(name: str, title: str) -> str:
    """Return the name of a connection with the title of its source, unless they are the same."""
    return name if name == title else f"{name} ({title})"


def _exists(message: str, remedy: str) -> AlreadyExists:
    return AlreadyExists(
        message,
        remedy=remedy,
        audience=Audience.ADMIN,
        summary="The account already has this connection.",
    )
