"""Reads an uploaded file as the person stated."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.files import (
    CsvLimits,
    Deadline,
    FileColumnRole,
    FileMapping,
    FileTable,
    ResponseSummary,
    read_file_table,
    responses_as_csv,
    summarise_responses,
    visible_sheets,
)
from smaply_metrics_core.host import DeadlineExceeded, ExportFailed, InputError, MetricsError

if TYPE_CHECKING:
    from smaply_metrics_core.host import Clock

MOST_SECONDS: Final = 60
"""The time in which a file must be read. Two are read at once, and the others wait."""
MOST_CONVERTED: Final = 100 * 2**20
"""Bytes of a file as the source reads it; a workbook is smaller, since it is compressed."""
LIMITS: Final = CsvLimits(columns=3_000, rows=1_000_000, cells=10_000_000)
"""Those of the source that reads the files."""
ROWS_SHOWN: Final = 10
ONCE: Final = frozenset(
    {
        FileColumnRole.DATE,
        FileColumnRole.STATUS,
        FileColumnRole.FINISHED,
        FileColumnRole.RESPONSE_ID,
    }
)
"""The roles that only one column can have."""


@dataclass(frozen=True)
class FileRequest:
    """A file, and what is known about how it is read.

    Attributes:
        data: The content of the file.
        stated: What the person stated.
        earlier: The mapping of the file with this name that is stored; empty without one.
    """

    data: bytes
    stated: FileMapping
    earlier: FileMapping

    def read(self, deadline: Deadline) -> FileTable:
        """Return the file as a table.

        Raises:
            ExportFailed: if it cannot be read.
            InputError: if reading it takes too long.
        """
        # Roles are a proposal, since another sheet or encoding has other names of columns.
        taken = ONCE.intersection(self.stated.columns.values())
        earlier = {name: role for name, role in self.earlier.columns.items() if role not in taken}
        proposal = self.earlier.model_copy(update={"columns": earlier | self.stated.columns})
        mapping = self.stated.model_copy(update={"columns": {}})
        return read_file_table(
            io.BytesIO(self.data), mapping, proposal=proposal, limits=LIMITS, deadline=deadline
        )


@dataclass(frozen=True)
class UploadReading:
    """What was read of a file.

    Attributes:
        table: The file as a table; ``None`` if it cannot be read.
        responses: What its responses are; ``None`` if something is unclear or not valid.
        sheets: The visible sheets of a workbook, also if this one cannot be read.
        error: Why there are no responses, unless something is unclear.
    """

    table: FileTable | None
    responses: ResponseSummary | None = None
    sheets: tuple[str, ...] = ()
    error: MetricsError | None = None


def read_upload(request: FileRequest, clock: Clock) -> UploadReading:
    """Return what can be read of a file, for its preview."""
    deadline = Deadline.after(MOST_SECONDS, clock)
    try:
        table = request.read(deadline)
    except DeadlineExceeded:
        return UploadReading(None, error=_too_slow())
    except MetricsError as error:
        return UploadReading(None, sheets=_sheets(request, deadline), error=error)
    if table.open_questions:
        return UploadReading(table, sheets=table.sheets)
    try:
        responses = summarise_responses(table.responses(deadline=deadline), ROWS_SHOWN)
        return UploadReading(table, responses, table.sheets)
    except DeadlineExceeded:
        return UploadReading(table, sheets=table.sheets, error=_too_slow())
    except ExportFailed as error:
        return UploadReading(table, sheets=table.sheets, error=error)


def convert_upload(request: FileRequest, clock: Clock) -> tuple[bytes, FileMapping]:
    """Return the responses of a file as CSV that is read without a mapping, and the mapping.

    Raises:
        InputError: if something about the file is unclear, or reading or storing it takes too much.
        ExportFailed: if the file is not valid.
    """
    deadline = Deadline.after(MOST_SECONDS, clock)
    try:
        table = request.read(deadline)
        if table.open_questions:
            raise InputError(
                "The file has open questions.", remedy="Answer them, then connect the file."
            )
        converted = responses_as_csv(table.responses(deadline=deadline))
    except DeadlineExceeded:
        raise _too_slow() from None
    if len(converted) > MOST_CONVERTED:
        raise InputError(
            f"The responses of the file take more than {MOST_CONVERTED // 2**20} MB as CSV.",
            remedy="Split it by time into several files, or remove columns.",
        )
    return converted, table.mapping


def _sheets(request: FileRequest, deadline: Deadline) -> tuple[str, ...]:
    try:
        return visible_sheets(io.BytesIO(request.data), limits=LIMITS, deadline=deadline)
    except MetricsError:  # The workbook itself is damaged, which the first error states.
        return ()


def _too_slow() -> InputError:
    return InputError(
        f"Reading the file takes more than {MOST_SECONDS} seconds.",
        remedy="Split it by time into several files, or save it as “CSV UTF-8”.",
    )
