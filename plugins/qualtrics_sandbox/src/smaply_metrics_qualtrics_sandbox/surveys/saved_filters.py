"""Saved filters, which an export can refer to by id."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smaply_metrics_qualtrics_sandbox.dates import to_iso
from smaply_metrics_qualtrics_sandbox.surveys.columns import SandboxColumn


@dataclass(frozen=True)
class SavedFilter:
    """A saved filter: the cells that a response must have, by column.

    The user interface of Qualtrics offers more; a test needs only a known set of responses.
    """

    name: str
    created: datetime
    cells: Sequence[tuple[SandboxColumn, str]]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def element(self) -> Mapping[str, Any]:
        """Return the filter as an element of the list of filters."""
        return {
            "filterId": self.id,
            "filterName": self.name,
            "creationDate": to_iso(self.created),
        }

    def rows(self, rows: Sequence[int]) -> Iterator[bool]:
        """Yield for each of these rows whether it has the cells."""
        columns = [
            column.cells.look_up(rows, [word == wanted for word in column.cells.words])
            for column, wanted in self.cells
        ]
        return (all(fits) for fits in zip(*columns, strict=True))
