"""The contract class of the source of entered values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from smaply_metrics_core.entered_values.source import source
from smaply_metrics_core.entered_values.tables import (
    EnteredRow,
    EnteredTable,
    EnteredTables,
    EnteredUnit,
)
from smaply_metrics_core.testing.suite.contract import SourceContract

AT = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)


def row(day: str, value: float, label: str = "", n: int | None = None) -> EnteredRow:
    """Return a value that Ana entered."""
    return EnteredRow(
        day=date.fromisoformat(day),
        label=label,
        value=value,
        n=n,
        entered_by="Ana Silva",
        entered_at=AT,
    )


TABLE = EnteredTable(
    id="calls",
    name="NPS of the call centre",
    unit=EnteredUnit.POINTS,
    rows=(
        row("2026-01-01", 10),
        row("2026-01-31", 20, n=120),
        row("2026-02-28", 36),
        row("2026-02-28", 30, "North"),
        row("2026-03-01", 42),
        row("2026-03-31", 43, n=25),
        row("2026-03-31", 50, "South"),
        row("2026-03-31", 40, "North", 12),
    ),
)
OTHER = EnteredTable(id="visits", name="Visits", unit=EnteredUnit.COUNT)


class EnteredContract(SourceContract):
    """The facts of the source of entered values."""

    source: ClassVar[Any] = source
    credentials: ClassVar = {"tables": EnteredTables(tables=(TABLE, OTHER)).text()}
    wrong_credentials: ClassVar = {"tables": "{"}
    survey_id = "calls"
    exceptions: ClassVar = {
        "test_the_form_rejects_missing_fields": "The first table connects it, without any input.",
    }
    expected: ClassVar = {"surveys": 2, "questions": 1, "value entered_points": 43}
