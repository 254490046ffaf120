"""The contract as tests: subclass one class, give a few facts, get every test."""

from __future__ import annotations

from unittest import SkipTest

from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.overrides import (
    OverrideProtection,
    protected,
    refuse_unwatched,
)
from smaply_metrics_core.testing.suite.subjects.debug_bundles import DebugBundleTests


class SourceContract(DebugBundleTests, OverrideProtection):
    """Every test that a source has to pass.

    A subclass gives the facts, and a test runner the rest::

        class TestAcme(SourceContract):
            source = "acme"
            credentials = {"api_token": "made-up-and-long-enough", "host": "api.example.com"}
            wrong_credentials = {**credentials, "api_token": "another-made-up-token"}
            survey_id = "S1"
            recorded_at = datetime(2026, 3, 1, 9, 5, 1, tzinfo=UTC)
            cassettes = Path(__file__).parent / "cassettes"

    The source is called as a host calls it, through the registry and its guard. Nothing is
    waited for. Every failure ends with a line ``Fix: …``. ``Harness`` explains the facts.
    """

    def __init_subclass__(cls) -> None:
        """Let nobody replace the test that watches over the others."""
        super().__init_subclass__()
        refuse_unwatched(cls)

    def test_every_recording_is_played(self) -> None:
        """Each cassette is that of a scenario, so that none stays behind unnoticed."""
        if self.cassettes is None:
            raise SkipTest("this source is tested without recordings")
        there = {
            str(path.relative_to(self.cassettes))
            for path in self.cassettes.rglob("*")
            if path.suffix.lower() in {".yaml", ".yml"}
        }
        left = sorted(there - {f"{scenario}.yaml" for scenario, _ in self.everything()})
        expect(
            not left,
            f"Nothing plays the cassettes {', '.join(left)}.",
            "remove them, or record all of them again",
        )


protected()  # Seen as it was written, before anybody can change it.
