"""Contract tests that no credential leaks into the output of a source."""

from __future__ import annotations

from smaply_metrics_core.testing.suite.fault_injection import every_fault_run
from smaply_metrics_core.testing.suite.scenarios.every_scenario import every_scenario
from smaply_metrics_core.testing.suite.subject import ContractSubject


class SecretLeakTests(ContractSubject):
    """Logs, errors, values and other output, with and without faults."""

    def test_no_credential_is_leaked(self) -> None:
        """No secret occurs in any log, error, repr, pickle, progress or value of the source."""
        for scenario, result in every_scenario(self.lab):
            self.lab.expect_no_leak(f"Scenario “{scenario}”", result)
        for where, result in every_fault_run(self.lab):
            self.lab.expect_no_leak(where, result)
