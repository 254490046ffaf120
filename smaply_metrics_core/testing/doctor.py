"""The half of the contract that needs no account: what a source says of itself, and its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from smaply_metrics_core.errors import SourceNotUsable
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.sources import Source, SourceRegistry, SourceState, SourceStatus
from smaply_metrics_core.sources.loader import contract as hooks_of_the_contract
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import ContractTestResult, run_tests

OFFLINE: Final = (
    "test_the_description_says_all_that_people_need",
    "test_the_form_refuses_what_is_missing",
)
"""The tests that need nothing but the source."""

MENDING: Final[Mapping[SourceStatus, str]] = {
    SourceStatus.BROKEN: "mend what the reason names in the source, and run this again",
    SourceStatus.INCOMPATIBLE: "install versions that fit, or widen the source's requirement of "
    "smaply-metrics-core once its contract tests pass with this one",
    SourceStatus.CLASH: "uninstall one of the two, or name one in SMAPLY_METRICS_SOURCES_PREFERRED",
    SourceStatus.BLOCKED: "take it out of the setting that the reason names",
}


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that was looked at.

    Attributes:
        what: What should be.
        good: Whether it is.
        said: What is instead; empty where it is well.
        fix: How to mend it; also where it is well and could be better.
    """

    what: str
    good: bool
    said: str = ""
    fix: str = ""


def examine(
    registry: SourceRegistry, source_id: str
) -> tuple[SourceState, tuple[DoctorFinding, ...]]:
    """Look at one installed source, without credentials and without a network.

    Raises:
        NotFound: when no source of this id is installed.
    """
    try:
        source = registry.get(source_id)
    except SourceNotUsable:
        state = _state(registry, source_id)
        return state, (
            DoctorFinding(
                "It can be used.", good=False, said=state.reason, fix=MENDING[state.state]
            ),
        )
    return _state(registry, source_id), tuple(_examined(source, _state(registry, source_id)))


def _state(registry: SourceRegistry, source_id: str) -> SourceState:
    of_it = [state for state in registry.states() if state.id == source_id]
    return min(of_it, key=lambda state: state.state is not SourceStatus.OK)


def _examined(source: Source, state: SourceState) -> Iterator[DoctorFinding]:
    yield DoctorFinding("It can be used.", good=True)
    pinned = bool(state.contract)
    yield DoctorFinding(
        "It says with which versions of the contract it works.",
        good=pinned,
        said="" if pinned else "Its distribution asks for no version of smaply-metrics-core.",
        fix="" if pinned else 'require it with both ends, as in "smaply-metrics-core>=0.1,<0.2"',
    )
    made_up = {
        field.name: f"made-up-{field.name}-value"
        for field in credential_fields(source.description.credentials)
    }
    facts = {"source": source.id, "credentials": made_up, "wrong_credentials": made_up}
    examined: type[SourceContract] = type("Examined", (SourceContract,), facts)
    yield from map(_finding, run_tests(examined, OFFLINE))
    missing = [hook for hook in hooks_of_the_contract() if hook not in source.hooks]
    yield DoctorFinding(
        "It offers every hook that it has to.",
        good=True,
        fix=f"it may also offer {', '.join(missing)}" if missing else "",
    )


def _finding(verdict: ContractTestResult) -> DoctorFinding:
    said, _, fix = verdict.said.rpartition("\nFix: ")
    return DoctorFinding(verdict.asks, good=verdict.outcome != "failed", said=said, fix=fix)
