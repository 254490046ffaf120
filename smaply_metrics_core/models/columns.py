"""The columns of a table as a form: a role for each, from which a source writes a field's text."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from smaply_metrics_core.models.base import Frozen

MOST_SHEET_COLUMNS: Final = 500
"""The maximum number of columns of a sheet; the others are edited in the text."""
MOST_SHEET_TABLES: Final = 5_000

ShortText = Annotated[str, StringConstraints(max_length=2_000)]


class RoleOption(Frozen):
    """A role that columns can have, such as “Weight”.

    Attributes:
        id: Identifies it.
        label: What people read.
        has_label: Whether columns with it can have a label.
    """

    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    label: ShortText
    has_label: bool = True


class ValueCount(Frozen):
    """A value of a column, and how many rows of a sample have it."""

    value: ShortText
    count: Annotated[int, Field(ge=0)]


class SheetTable(Frozen):
    """A table that can be chosen.

    Attributes:
        id: Identifies it.
        label: What people read.
    """

    id: ShortText
    label: ShortText


class SheetColumn(Frozen):
    """A column with its role.

    Attributes:
        id: Identifies it in the sheet.
        name: What people read.
        type: Its type, for people.
        role: Its role.
        roles: The roles that it can have; empty for all.
        label: The label that people gave it, which they can edit.
        values: Its most frequent values, for people to recognise it. None of a personal column.
    """

    id: ShortText
    name: ShortText
    type: ShortText = ""
    role: str
    roles: tuple[str, ...] = ()
    label: ShortText = ""
    values: Annotated[tuple[ValueCount, ...], Field(max_length=20)] = ()


class ColumnEdit(Frozen):
    """What a person chose for a column.

    Attributes:
        column: The id of the column.
        role: The role.
        label: The label.
    """

    column: ShortText
    role: str
    label: ShortText = ""


class ColumnSheet(Frozen):
    """A table with the roles of its columns, and the text of the field that states them.

    Attributes:
        value: The text of the field, with the edits.
        tables: The tables that can be chosen.
        table: The id of the chosen one; empty if there is none.
        roles: The roles in the order to show.
        columns: The columns of the table.
        notes: What a person has to know before they edit, such as what would be lost.
    """

    value: str
    tables: Annotated[tuple[SheetTable, ...], Field(max_length=MOST_SHEET_TABLES)] = ()
    table: ShortText = ""
    roles: Annotated[tuple[RoleOption, ...], Field(max_length=50)] = ()
    columns: Annotated[tuple[SheetColumn, ...], Field(max_length=MOST_SHEET_COLUMNS)] = ()
    notes: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.table and self.table not in {one.id for one in self.tables}:
            raise ValueError("the table is not one of the tables")
        ids = [column.id for column in self.columns]
        if len(set(ids)) < len(ids):
            raise ValueError("two columns have the same id")
        roles = {role.id for role in self.roles}
        if any(not {column.role, *column.roles} <= roles for column in self.columns):
            raise ValueError("the role of a column is not one of the roles")
        return self

    def with_minimum(self, rows: int) -> Self:
        """Return the sheet without the values that fewer rows have."""
        columns = tuple(
            column.model_copy(
                update={"values": tuple(one for one in column.values if one.count >= rows)}
            )
            for column in self.columns
        )
        return self.model_copy(update={"columns": columns})
