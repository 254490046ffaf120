"""The columns of a table in the form of a connection, as a source shows and writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

from fastapi import Depends
from pydantic import SecretStr, ValidationError
from starlette.datastructures import FormData

from smaply_metrics_core.host import (
    ColumnEdit,
    ColumnSheet,
    CredentialField,
    InputError,
    SheetColumn,
    SourceForm,
)
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.dependencies import FormLimits, checked_form
from smaply_metrics_host.store.people import Person

MOST_COLUMNS: Final = 500
"""The most columns of a sheet; each has three fields in the form."""
ConnectionFormData = Annotated[
    FormData,
    Depends(checked_form(FormLimits(fields=3 * MOST_COLUMNS + 100, characters=1_000_000))),
]
"""The form of a connection, which may have the columns of a table."""
Values = Mapping[str, str | SecretStr]
"""The values of a form."""


@dataclass(frozen=True)
class SubmittedColumns:
    """The columns of a table, as a form submitted them.

    Attributes:
        field: The field that they are part of.
        table: The id of the table.
        edits: The chosen role and label of each column.
    """

    field: CredentialField
    table: str
    edits: tuple[ColumnEdit, ...]


class ColumnRow(NamedTuple):
    """A row of the columns that a form shows.

    Attributes:
        column: The column.
        roles: The roles that it can have, with their labels.
        cells: Its values with their counts.
    """

    column: SheetColumn
    roles: tuple[tuple[str, str], ...]
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ShownColumns:
    """A form with the columns of a table; nothing is saved.

    Attributes:
        field: The field that they are part of.
        sheet: The columns, and the text of the field.
        is_open: Whether the columns are shown, and not only the text.
        typed: The form values with the text, without secrets.
        secrets: The labels of the secrets that were entered, and are never sent back.
    """

    field: CredentialField
    sheet: ColumnSheet
    is_open: bool
    typed: Mapping[str, str]
    secrets: tuple[str, ...]

    @property
    def rows(self) -> tuple[ColumnRow, ...]:
        """The rows of the columns."""
        return tuple(
            ColumnRow(
                column,
                tuple(
                    (role.id, role.label)
                    for role in self.sheet.roles
                    if not column.roles or role.id in column.roles
                ),
                tuple(f"{one.value} ({one.count:,})" for one in column.values),
            )
            for column in self.sheet.columns
        )


@dataclass(frozen=True)
class ColumnEditor:
    """Shows and edits columns with the values of a form that is not saved.

    Attributes:
        app_state: The parts of the host.
        person: The Admin.
        source: The id of the source.
        connection_id: The connection that is edited; empty for a new one.
    """

    app_state: AppState
    person: Person
    source: str
    connection_id: str

    async def edit(
        self, field: str, values: Values, table: str = "", edits: Sequence[ColumnEdit] = ()
    ) -> ColumnSheet:
        """Return the columns of a table after edits, with the text that states them."""
        return await self.app_state.metrics.connections.edit_columns(
            self.person.actor,
            self.source,
            field,
            values,
            table=table,
            edits=edits,
            connection_id=self.connection_id,
        )

    async def write(self, columns: SubmittedColumns, values: Values) -> ColumnSheet:
        """Return the columns of a table after the edits of a form."""
        return await self.edit(columns.field.name, values, columns.table, columns.edits)

    async def chosen(self, columns: SubmittedColumns, values: Values) -> ColumnSheet:
        """Return the columns of a table with what was chosen, although it cannot be written."""
        sheet = await self.edit(columns.field.name, values, columns.table)
        edits = {edit.column: edit for edit in columns.edits}
        shown = tuple(
            column.model_copy(update={"role": edit.role, "label": edit.label})
            if (edit := edits.get(column.id)) and edit.role in column.roles
            else column
            for column in sheet.columns
        )
        return sheet.model_copy(update={"columns": shown})


def submitted_columns(form: SourceForm, given: FormData) -> SubmittedColumns | None:
    """Return the columns in a form; ``None`` if it has none.

    Raises:
        InputError: when they are not complete.
    """
    field = column_field(form, given.get("columns_field"))
    if field is None:
        return None
    parts = zip(
        given.getlist("column_id"),
        given.getlist("column_role"),
        given.getlist("column_label"),
        strict=True,
    )
    try:
        edits = tuple(
            ColumnEdit.model_validate({"column": column, "role": role, "label": label})
            for column, role, label in parts
        )
    except (ValueError, ValidationError):
        raise InputError(
            "The columns of the form are not complete.", remedy="Show the columns again."
        ) from None
    table = given.get("columns_table")
    return SubmittedColumns(field, table if isinstance(table, str) else "", edits)


def column_field(form: SourceForm, name: object) -> CredentialField | None:
    """Return the field of a form that is written as columns; ``None`` for another name."""
    return next((one for one in form.fields if one.columns and one.name == name), None)
