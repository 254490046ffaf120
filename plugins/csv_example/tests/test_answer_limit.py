"""The answers in cells of multiple-choice questions are limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from smaply_metrics_core import Deadline, ExportFailed, SourceContext, SystemClock
from smaply_metrics_csv_example.questionnaire import questionnaire_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_of_separators_is_refused(tmp_path: Path) -> None:
    """It would take many times its size in memory."""
    clock = SystemClock()
    context = SourceContext(
        http=None,  # type: ignore[arg-type]  # Not used.
        deadline=Deadline.after(60, clock),
        destinations=(),
        folder=tmp_path,
        clock=clock,
    )
    cells = [";" * 100_000] * 26
    rows = pl.DataFrame({"a[]": cells, "b[]": cells})
    with pytest.raises(ExportFailed, match=r"bomb: .* more than 5,000,000 answers"):
        questionnaire_of(context, "bomb", rows)
