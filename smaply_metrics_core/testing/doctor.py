"""Checks of an installed source that need no account and no network."""

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
"""The contract tests that need no account."""

FIXES: Final[Mapping[SourceStatus, str]] = {
    SourceStatus.BROKEN: "mend what the reason names in the source, and run this again",
    SourceStatus.INCOMPATIBLE: "install versions that fit, or widen the source's requirement of "
    "smaply-metrics-core once its contract tests pass with this one",
    SourceStatus.CLASH: "uninstall one of the two, or name one in SMAPLY_METRICS_SOURCES_PREFERRED",
    SourceStatus.BLOCKED: "take it out of the setting that the reason names",
}


@dataclass(frozen=True)
class DoctorFinding:
    """The result of one check.

    Attributes:
        what: What is expected.
        good: Whether it is so.
        message: What is wrong; empty if nothing is.
        fix: How to fix it; also how to improve what is right.
    """

    what: str
    good: bool
    message: str = ""
    fix: str = ""


def examine(
    registry: SourceRegistry, source_id: str
) -> tuple[SourceState, tuple[DoctorFinding, ...]]:
    """Return the state of an installed source, and the findings of all checks.

    Raises:
        NotFound: if no source of this id is installed.
    """
    try:
        source = registry.get(source_id)
    except SourceNotUsable:
        state = _state(registry, source_id)
        return state, (
            DoctorFinding(
                "It can be used.", good=False, message=state.reason, fix=FIXES[state.state]
            ),
        )
    return _state(registry, source_id), tuple(_findings(source, _state(registry, source_id)))


def _state(registry: SourceRegistry, source_id: str) -> SourceState:
    states = [state for state in registry.states() if state.id == source_id]
    return min(states, key=lambda state: state.state is not SourceStatus.OK)


def _findings(source: Source, state: SourceState) -> Iterator[DoctorFinding]:
    yield DoctorFinding("It can be used.", good=True)
    declared = source.description.contract
    yield DoctorFinding(f"It was written for version {declared} of the contract.", good=True)
    pinned = bool(state.contract)
    yield DoctorFinding(
        "Its distribution requires a range of versions of smaply-metrics-core.",
        good=pinned,
        message="" if pinned else "It requires no version of smaply-metrics-core.",
        fix="" if pinned else 'require it with both ends, as in "smaply-metrics-core>=0.1,<0.2"',
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
        "It offers every hook that it has to.",
        good=True,
        fix=f"it may also offer {', '.join(missing)}" if missing else "",
    )


def _finding(result: ContractTestResult) -> DoctorFinding:
    message, _, fix = result.message.rpartition("\nFix: ")
    return DoctorFinding(result.rule, good=result.outcome != "failed", message=message, fix=fix)
