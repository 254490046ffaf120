"""Checks of an installed source without an account or a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from smaply_metrics_core.errors import SourceNotUsable
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.sources.loader import contract as contract_hooks
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.sources.source_state import SourceState, SourceStatus
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import ContractTestResult, run_tests

OFFLINE_TESTS: Final = (
    "test_the_description_is_complete",
    "test_the_form_rejects_missing_fields",
)
"""The contract tests that require no account."""

FIXES: Final[Mapping[SourceStatus, str]] = {
    SourceStatus.BROKEN: "correct the source and run this command again",
    SourceStatus.INCOMPATIBLE: "install compatible versions, or widen the source's requirement of "
    "smaply-metrics-core after its contract tests pass with this version",
    SourceStatus.CLASH: "uninstall one of them, or choose one in SMAPLY_METRICS_SOURCES_PREFERRED",
    SourceStatus.BLOCKED: "change the setting in the message",
}


@dataclass(frozen=True)
class DoctorFinding:
    """The result of one check.

    Attributes:
        what: The expectation.
        good: Whether it is met.
        message: The problem; empty if there is none.
        fix: How to fix the problem; a hint if the expectation is met.
    """

    what: str
    good: bool
    message: str = ""
    fix: str = ""


def examine(
    registry: SourceRegistry, source_id: str
) -> tuple[SourceState, tuple[DoctorFinding, ...]]:
    """Return the state of an installed source and the findings of all checks.

    Raises:
        NotFound: if no source with this id is installed.
    """
    try:
        source = registry.get(source_id)
    except SourceNotUsable:
        state = _state(registry, source_id)
        return state, (
            DoctorFinding(
                "The source can be used.", good=False, message=state.reason, fix=FIXES[state.state]
            ),
        )
    return _state(registry, source_id), tuple(_findings(source, _state(registry, source_id)))


def _state(registry: SourceRegistry, source_id: str) -> SourceState:
    states = [state for state in registry.states() if state.id == source_id]
    return min(states, key=lambda state: state.state is not SourceStatus.OK)


def _findings(source: Source, state: SourceState) -> Iterator[DoctorFinding]:
    yield DoctorFinding("The source can be used.", good=True)
    declared = source.description.contract
    yield DoctorFinding(f"It declares version {declared} of the contract.", good=True)
    pinned = bool(state.contract)
    yield DoctorFinding(
        "Its distribution requires a range of versions of smaply-metrics-core.",
        good=pinned,
        message="" if pinned else "It requires no version of smaply-metrics-core.",
        fix="" if pinned else 'add a requirement such as "smaply-metrics-core>=0.1,<0.2"',
    )
    credentials = {
        field.name: f"made-up-{field.name}-value"
        for field in credential_fields(source.description.credentials)
    }
    facts = {"source": source.id, "credentials": credentials, "wrong_credentials": credentials}
    examined: type[SourceContract] = type("Examined", (SourceContract,), facts)
    yield from map(_finding, run_tests(examined, OFFLINE_TESTS))
    missing = [hook for hook in contract_hooks() if hook not in source.hooks]
    yield DoctorFinding(
        "It implements every required hook.",
        good=True,
        fix=f"it can also implement {', '.join(missing)}" if missing else "",
    )


def _finding(result: ContractTestResult) -> DoctorFinding:
    message, _, fix = result.message.rpartition("\nFix: ")
    return DoctorFinding(result.rule, good=result.outcome != "failed", message=message, fix=fix)
