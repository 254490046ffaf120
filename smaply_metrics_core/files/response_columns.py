"""The columns of responses, from the columns of a file by their roles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import ExportFailed
from smaply_metrics_core.files.date_text import EXAMPLES, is_date, parse_date
from smaply_metrics_core.files.file_mapping import DateOrder, FileColumnRole
from smaply_metrics_core.files.number_text import is_number, plain_numbers
from smaply_metrics_core.models.query import ExclusionReason

RECORDED: Final = "recorded_at"
STATUS: Final = "status"
FINISHED: Final = "finished"
FIELD_PREFIX: Final = "field:"
"""Begins the name of an embedded field."""
MULTIPLE_SUFFIX: Final = "[]"
"""Ends the name of a question with several answers in a cell."""

_BY_NAME: Final = {
    RECORDED: FileColumnRole.DATE,
    STATUS: FileColumnRole.STATUS,
    FINISHED: FileColumnRole.FINISHED,
    "response_id": FileColumnRole.RESPONSE_ID,
}
_SHOWN: Final = 100
_CHECKED: Final = 1 << 13
"""The number of cells between two looks at the deadline."""


def roles_of(
    rows: pl.DataFrame, chosen: dict[str, FileColumnRole], deadline: Deadline | None = None
) -> tuple[dict[str, FileColumnRole], tuple[str, ...]]:
    """Return the role of each column, and the columns that may be the date if several may.

    Raises:
        ExportFailed: if a role is chosen for a column that the file lacks.
    """
    for name in chosen:
        if name not in rows.columns:
            raise ExportFailed(
                f"The file has no column “{name}”, which the mapping names.",
                remedy=f"Change the mapping. The columns are: {', '.join(rows.columns)[:300]}.",
            )
    roles = {name: chosen.get(name) or _recognised(name) for name in rows.columns}
    if FileColumnRole.DATE in roles.values():
        return roles, ()
    dates = tuple(
        name
        for name, role in roles.items()
        if name not in chosen
        and role is FileColumnRole.QUESTION
        and _has_dates(rows[name], deadline)
    )
    if len(dates) == 1:
        roles[dates[0]] = FileColumnRole.DATE
    return roles, dates if len(dates) > 1 else ()


def _recognised(name: str) -> FileColumnRole:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.startswith(FIELD_PREFIX):
        return FileColumnRole.FIELD
    return FileColumnRole.MULTIPLE if name.endswith(MULTIPLE_SUFFIX) else FileColumnRole.QUESTION


def _has_dates(cells: pl.Series, deadline: Deadline | None) -> bool:
    given = cells.drop_nulls()
    return bool(given.len()) and all(is_date(cell) for cell in checked(given, deadline))


def checked(cells: pl.Series, deadline: Deadline | None) -> Iterator[Any]:
    """Yield the cells of a column; check the deadline at the first one and at many others.

    Raises:
        DeadlineExceeded: when the deadline has passed.
        Cancelled: when the caller cancelled the call.
    """
    for place, cell in enumerate(cells):
        if deadline is not None and place % _CHECKED == 0:
            deadline.check()
        yield cell


@dataclass(frozen=True)
class ResponseColumns:
    """Reads the columns of responses.

    Attributes:
        rows: The cells of the file as text; blank cells are null.
        roles: The role of each column.
        order: The order of dates.
        decimal: The decimal sign.
        deadline: Checked for each column, and between many cells.
    """

    rows: pl.DataFrame
    roles: dict[str, FileColumnRole]
    order: DateOrder
    decimal: str
    deadline: Deadline | None = None

    def read(self) -> pl.DataFrame:
        """Return the responses.

        Raises:
            ExportFailed: if a cell is not what the role of its column requires, or two columns have
                the same name or role.
        """
        self._check_ids()
        found: list[pl.Series] = [self._recorded(), self._excluded()]
        for name, role in self.roles.items():
            if self.deadline is not None:
                self.deadline.check()
            cells = self.rows[name]
            if role is FileColumnRole.QUESTION:
                found.append(plain_numbers(cells, self.decimal).alias(_question(name)))
            elif role is FileColumnRole.MULTIPLE:
                title = name.removesuffix(MULTIPLE_SUFFIX) + MULTIPLE_SUFFIX
                found.append(plain_numbers(cells, ".").alias(title))
            elif role in {FileColumnRole.FIELD, FileColumnRole.WEIGHT}:
                weight = role is FileColumnRole.WEIGHT
                cells = self._weights(name) if weight else plain_numbers(cells, ".")
                found.append(cells.alias(FIELD_PREFIX + name.removeprefix(FIELD_PREFIX)))
        names = Counter(one.name for one in found)
        twice = [name for name, times in names.items() if times > 1]
        twice += [name for name in ("", FIELD_PREFIX, MULTIPLE_SUFFIX, FINISHED) if name in names]
        if twice:
            raise ExportFailed(
                f"A question or field cannot be named “{twice[0]}”, or two would be.",
                remedy="Rename the column in the file, or ignore it.",
            )
        rows = pl.DataFrame(found)
        return rows.filter(~pl.all_horizontal(pl.all().is_null()))  # Skip empty lines.

    def _one(self, role: FileColumnRole) -> str | None:
        names = [name for name, one in self.roles.items() if one is role]
        if len(names) > 1:
            raise ExportFailed(
                f"The columns “{names[0]}” and “{names[1]}” both have the role {role}.",
                remedy="Choose another role for one of them.",
            )
        return names[0] if names else None

    def _check_ids(self) -> None:
        """Raise if two responses have the same id, since the response would count twice."""
        name = self._one(FileColumnRole.RESPONSE_ID)
        if name is None:
            return
        rows: dict[str, int] = {}
        for row, cell in self._cells(name):
            first = row if cell is None else rows.setdefault(cell, row)
            if first != row:
                error = ExportFailed(
                    f"{name} in row {row} is the same as in row {first}.",
                    remedy="Delete one of the two rows, or choose another role for the column.",
                )
                error.excerpt = _excerpt(cell)
                raise error

    def _recorded(self) -> pl.Series:
        name = self._one(FileColumnRole.DATE)
        if name is None:
            raise ExportFailed(
                "No column has the date of the response.",
                remedy="Choose the column with the date, or add one named recorded_at.",
            )
        instants: list[datetime | None] = []
        for row, cell in self._cells(name):
            instant = None if cell is None else parse_date(cell, self.order)
            if cell is not None and instant is None:
                raise _invalid(name, row, cell, f"a date such as {EXAMPLES[self.order]}")
            instants.append(instant)
        return pl.Series(RECORDED, instants, pl.Datetime("us", "UTC"))

    def _excluded(self) -> pl.Series:
        """Return why each response is excluded, by its status or since it is unfinished."""
        reasons: list[str | None] = [None] * self.rows.height
        finished, status = self._one(FileColumnRole.FINISHED), self._one(FileColumnRole.STATUS)
        if finished is not None:
            for row, cell in self._cells(finished):
                if cell not in {None, "0", "1"}:
                    raise _invalid(finished, row, cell, "1 or 0")
                reasons[row - 2] = ExclusionReason.UNFINISHED if cell == "0" else None
        if status is not None:
            for row, cell in self._cells(status):
                if cell is not None and cell not in list(ExclusionReason):
                    raise _invalid(status, row, cell, f"one of {', '.join(ExclusionReason)}")
                reasons[row - 2] = cell or reasons[row - 2]
        return pl.Series(STATUS, reasons, pl.String)

    def _cells(self, name: str) -> Iterator[tuple[int, str | None]]:
        return enumerate(checked(self.rows[name], self.deadline), start=2)  # After the header.

    def _weights(self, name: str) -> pl.Series:
        cells = self.rows[name]
        wrong = ~is_number(cells, self.decimal) | cells.str.starts_with("-")
        for place in wrong.fill_null(value=False).arg_true().head(1):
            sign = "point" if self.decimal == "." else "comma"
            expected = f"a weight of at least 0, with a decimal {sign}"
            raise _invalid(name, place + 2, cells[place], expected)
        return plain_numbers(cells, self.decimal)


def _question(name: str) -> str:
    """Return the name of a question whose column is named as one with another role."""
    return name.removeprefix(FIELD_PREFIX).removesuffix(MULTIPLE_SUFFIX)


def _invalid(name: str, row: int, cell: str | None, expected: str) -> ExportFailed:
    error = ExportFailed(
        f"{name} in row {row} must be {expected}.", remedy="Correct the file and try again."
    )
    error.excerpt = _excerpt(cell)
    return error


def _excerpt(cell: str | None) -> str:
    return f"“{(cell or '')[:_SHOWN]}”"
