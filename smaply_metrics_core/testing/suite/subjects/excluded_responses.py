"""Contract tests of when excluded responses were recorded."""

from __future__ import annotations

from smaply_metrics_core.testing.assertions import expect, warn
from smaply_metrics_core.testing.suite.scenarios.date_ranges import date_ranges
from smaply_metrics_core.testing.suite.subject import ContractSubject
from smaply_metrics_core.testing.suite.tally_invariants import (
    HALF_OPEN,
    plain_counts,
    sum_of_counts,
)


class ExcludedResponseTests(ContractSubject):
    """Excluded responses belong to date ranges, like counted ones."""

    def test_excluded_responses_belong_to_their_date_range(self) -> None:
        """An excluded response is reported only in the ranges in which it was recorded."""
        excluded = sum(self.lab.responses().excluded.values())
        if self.excluded_at is None:
            if excluded:
                warn(
                    f"The fact `excluded_at` is not set, but {self.survey_id} has {excluded} "
                    "excluded responses: a source that loses their times passes.",
                    "set `excluded_at` to the time at which one of them was recorded",
                )
            return
        windows = {name: tally.window("current") for name, tally in date_ranges(self.lab).items()}
        in_range = {name: sum(window.excluded.values()) for name, window in windows.items()}
        expect(
            in_range["an excluded one"],
            f"No excluded response is reported in the second from {self.excluded_at} on.",
            "read the time of an excluded response as that of any other, even if it was not "
            "submitted; or correct `excluded_at`",
        )
        expect(
            sum_of_counts(windows["up to an excluded one"], windows["from an excluded one"])
            == plain_counts(windows["around an excluded one"]),
            f"Two adjacent ranges at {self.excluded_at} report other excluded responses than both "
            "together.",
            HALF_OPEN,
        )
        expect(
            in_range["around an excluded one"] < excluded or excluded == 1,
            f"Two days around {self.excluded_at} report all {excluded} excluded responses of the "
            "survey.",
            "exclude only responses that were recorded in the window of the query; or choose "
            "`excluded_at` so that another one was recorded more than a day before or after it",
        )
