"""Contract tests of the cassettes of a contract class."""

from __future__ import annotations

from unittest import SkipTest

from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.scenarios.every_scenario import every_scenario
from smaply_metrics_core.testing.suite.subject import ContractSubject


class RecordingTests(ContractSubject):
    """Cassettes: all are used, and none contains a secret."""

    def test_every_recording_is_played(self) -> None:
        """Each cassette belongs to a scenario."""
        if self.cassettes is None:
            raise SkipTest("this source is tested without recordings")
        present = {
            str(path.relative_to(self.cassettes))
            for path in self.cassettes.rglob("*")
            if path.suffix.lower() in {".yaml", ".yml"}
        }
        unused = sorted(present - {f"{scenario}.yaml" for scenario, _ in every_scenario(self.lab)})
        expect(
            not unused,
            f"The cassettes {', '.join(unused)} belong to no scenario.",
            "delete them, or record all cassettes again",
        )

    def test_no_credential_is_recorded(self) -> None:
        """No cassette contains a secret in any encoding, or personal data."""
        if self.cassettes is None:
            raise SkipTest("this source is tested without recordings")
        # Requires the extra `testing`.
        from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data

        for path in sorted(self.cassettes.glob("*.yaml")):
            found = find_sensitive_data(
                path, self.lab.secrets(), policy=self.policy, sign_in=self.sign_in
            )
            expect(
                not found,
                f"The cassette {path.name} contains {', '.join(found)}.",
                "delete it, replace the secret if it is a real one, and record again",
            )
