"""The settings of an account: its queries, windows and fingerprints."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core import Calculation, DateRange, Definition, MetricType, QueryInvalid
from smaply_metrics_core.account_settings import AccountSettings

VIENNA = AccountSettings("Europe/Vienna", 7)
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
DEFINITION = Definition(
    survey_id="S1", calculation=Calculation.RESPONSES, range=DateRange(preset="this_week")
)


def test_queries_have_the_zone_and_the_week_of_the_account() -> None:
    """The date range is resolved with both: the week begins on Sunday, at midnight in Vienna."""
    query = VIENNA.make_query("one", DEFINITION, now=NOW)
    assert (query.id, query.zone, query.week_start) == ("one", "Europe/Vienna", 7)
    (window,) = query.windows
    assert window.start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert VIENNA.windows(DEFINITION.range, now=NOW) == query.windows


def test_a_comparison_has_two_windows() -> None:
    """A comparison has the current and the previous window, as its query does."""
    comparison = DEFINITION.model_copy(update={"type": MetricType.COMPARISON})
    windows = VIENNA.windows(DEFINITION.range, now=NOW, comparison=True)
    assert [window.name for window in windows] == ["current", "previous"]
    assert VIENNA.make_query("one", comparison, now=NOW).windows == windows
    with pytest.raises(QueryInvalid):
        VIENNA.windows(DateRange(), now=NOW, comparison=True)


def test_the_fingerprint_depends_on_both_settings() -> None:
    """A value that was calculated with other settings is never shown."""
    others = (AccountSettings("Europe/Vienna", 1), AccountSettings("UTC", 7))
    prints = {one.fingerprint(DEFINITION) for one in (VIENNA, *others)}
    assert len(prints) == 3
    expected = DEFINITION.fingerprint(zone="Europe/Vienna", week_start=7)
    assert VIENNA.fingerprint(DEFINITION) == expected
