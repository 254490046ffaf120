"""Contract tests of data that is encoded in base64 inside a response."""

from __future__ import annotations

from unittest import SkipTest

from smaply_metrics_core.errors import PluginError
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.base64_damage import (
    DAMAGES,
    Damage,
    damage_payloads,
    has_payload,
)
from smaply_metrics_core.testing.faults.replay import Replay
from smaply_metrics_core.testing.suite.bundles import BUNDLE
from smaply_metrics_core.testing.suite.fault_injection import (
    Scenario,
    changed_answers,
    http_scenarios,
    reports_missing_data,
    sampled,
    spread,
)
from smaply_metrics_core.testing.suite.subject import ContractSubject


class PayloadTests(ContractSubject):
    """Responses whose envelope is complete, but whose content is not."""

    def test_a_damaged_payload_is_refused(self) -> None:
        """Damage inside base64 ends in an error, never in fewer responses or in a bug."""
        found = [
            (one, damage, position)
            for one in http_scenarios(self.lab)
            for damage in DAMAGES
            for position in sampled(self.lab, one, damage.name, _payloads(one, damage))
        ]
        if not found:
            raise SkipTest("no response contains base64")
        bugs = fault_types.error_kinds(PluginError)
        for scenario, damage, position in found:
            replay = Replay(scenario.exchanges, damage_payloads(damage), position)
            result = self.lab.replay(scenario.work, replay)
            if reports_missing_data(result.value, scenario.result.value):
                continue
            expect(
                all(
                    one is not None and one.kind not in bugs
                    for one in changed_answers(result, scenario.result)
                ),
                f"{scenario.name}, when {damage.name} in response {position}: the source "
                "returns another answer, or has a bug.",
                "decode with `base64.b64decode(text, validate=True)`, validate the content as "
                "if it were the response, and raise ExportFailed if it is damaged",
            )


def _payloads(scenario: Scenario, damage: Damage) -> tuple[int, ...]:
    """Return the numbers of some requests whose base64 can be damaged in this way."""
    if scenario.name == BUNDLE:
        return ()  # It may contain any response.
    responses = {
        number: response.content
        for number, (_, response) in enumerate(scenario.exchanges, start=1)
        if has_payload(response.content)
    }
    return tuple(number for number in spread(responses) if damage.applies(responses[number]))
