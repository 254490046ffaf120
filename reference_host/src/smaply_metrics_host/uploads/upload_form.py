"""The form of the preview of an uploaded file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from smaply_metrics_core.files import ENCODINGS, FileColumnRole, FileMapping
from smaply_metrics_core.host import InputError
from smaply_metrics_host.uploads.upload_reading import LIMITS, ONCE
from smaply_metrics_host.web.forms import texts

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from smaply_metrics_host.uploads.staged_uploads import StagedUpload

SETTINGS: Final = ("encoding", "delimiter", "sheet", "dates", "decimal")
COLUMNS: Final = "columns"
"""The hidden field that identifies the columns whose roles were submitted."""
ROLE: Final = "role-"
SURVEY: Final = "survey_name"
MOST_FIELDS: Final = LIMITS.columns + 50


def with_choices(upload: StagedUpload, sent: FormData) -> StagedUpload:
    """Return a staged upload with the choices of a submitted form.

    Only roles that differ from the shown ones are stated, so that the others are still proposed
    when the sheet or the encoding changes.

    Raises:
        InputError: if a value is not one that the form offers.
    """
    values = texts(sent)
    stated: dict[str, object] = {name: values.get(name) or None for name in SETTINGS}
    if stated["encoding"] not in {None, *ENCODINGS}:
        raise _invalid()
    columns = upload.stated.columns
    shown = upload.shown.columns
    if values.get(COLUMNS) == columns_key(shown):
        try:
            sent_roles = {
                name: FileColumnRole(values.get(f"{ROLE}{number}", was))
                for number, (name, was) in enumerate(shown.items())
            }
        except ValueError:
            raise _invalid() from None
        changed = {name: role for name, role in sent_roles.items() if role is not shown[name]}
        # The column that is now the date, for example, replaces the one that was.
        moved = ONCE.intersection(changed.values())
        columns = {n: r for n, r in columns.items() if r not in moved} | changed
    try:
        mapping = FileMapping.model_validate({**stated, COLUMNS: columns})
    except ValidationError:
        raise _invalid() from None
    return replace(upload, survey=values.get(SURVEY, upload.survey), stated=mapping)


def columns_key(columns: Iterable[str]) -> str:
    """Return a text that identifies the names of columns."""
    return hashlib.sha256("\0".join(columns).encode()).hexdigest()[:16]


def _invalid() -> InputError:
    return InputError("A choice is not valid.", remedy="Choose from the lists.")
