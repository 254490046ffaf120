"""Merges edited fields of credentials into the stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.credentials import (
    Credentials,
    conceal,
    credential_fields,
    without_blanks,
)
from smaply_metrics_core.sources.source import Source


def merge_credentials(
    source: Source, stored: Mapping[str, Any] | None, values: Mapping[str, Any]
) -> Credentials:
    """Return the stored credentials with the fields that were entered; blank ones are ignored.

    Args:
        source: The source.
        stored: The stored values; ``None`` if they cannot be decrypted.
        values: The entered values. Texts of both are ``SecretStr``.

    Raises:
        InputError: when nothing was entered, or a field that decides where secrets are sent was
            changed and the secrets were not entered again.
        CredentialsInvalid: when a field is not valid.
    """
    given = without_blanks(values)
    if not given:
        raise InputError("Nothing was changed.", remedy="Enter a new value in at least one field.")
    if stored is None:
        return source.parse(given)
    credentials = source.parse({**stored, **given})
    fields = credential_fields(source.description.credentials)
    new = conceal(credentials.model_dump(mode="json"))
    moved = [
        field.label
        for field in fields
        if not (field.secret or field.harmless) and new[field.name] != stored.get(field.name)
    ]
    missing = [field.label for field in fields if field.secret and field.name not in given]
    if moved and missing:
        raise InputError(
            f"A new {moved[0]} requires the {missing[0]} again, because a stored secret is "
            "never sent to a new destination.",
            remedy=f"Enter the {' and the '.join(missing)} together with the "
            f"{' and the '.join(moved)}.",
        )
    return credentials
