"""The source passes the contract tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from smaply_metrics_core.testing import AllowedDestinations, SourceContract


class TestCsvExample(SourceContract):
    """The contract tests, run on the folder ``files``."""

    source = "csv_example"
    credentials = {"folder": "files"}  # noqa: RUF012  # Never modified.
    wrong_credentials = {"folder": "elsewhere"}  # noqa: RUF012  # As above.
    survey_id = "visits"
    empty_survey_ids = ("empty", "without_questions")
    recorded_at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    excluded_at = datetime(2026, 2, 3, 8, 30, tzinfo=UTC)
    expected = {  # noqa: RUF012  # As above. Counted by hand in visits.csv.
        "surveys": 3,
        "questions": 6,
        "responses": 6,
        "left out": {"preview": 1, "unfinished": 1},
        "nps nps": 20,
        "nps answered": 5,
        "satisfaction average": 3.2,
        "satisfaction top_2_box": 60,
        "channel distribution": {"shop": 50, "web": 50},
        "channel labels": {"shop": "shop", "web": "web"},
        "services[] distribution": {"advice": 60, "parking": 40, "repair": 40},
        "spent sum": 55.49,
        "comment answered": 4,
        "nps by field:store": {"Graz": 3, "Wien": 2},
        "nps by period:month": {"2026-01": 3, "2026-02": 1},
    }
    allowed = AllowedDestinations(folders={"contract": Path(__file__).parent})
