"""All mutants: sources with one fault each, and the test that must detect it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain

from smaply_metrics_core.testing.assertions import FIX
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import ContractTestResult, run_test, run_tests
from tests.contract_suite.mutants import (
    entered_mutants,
    in_memory_edge_cases,
    in_memory_mutants,
    weight_mutants,
)
from tests.contract_suite.mutants.contracts import HttpContract, InMemoryContract, RpcContract
from tests.contract_suite.mutants.entered_contract import EnteredContract
from tests.contract_suite.mutants.http_mutants import (
    bundle_faults,
    combined_queries,
    counting_errors,
    date_boundaries,
    encoded_secrets,
    http_errors,
    labels,
    lists,
    process_side_effects,
    retry_faults,
    secret_leaks,
    state_leaks,
)
from tests.contract_suite.mutants.http_source import HttpSource
from tests.contract_suite.mutants.rpc_mutants import payloads, refusals, sessions

REFERENCES: tuple[type[SourceContract], ...] = (
    InMemoryContract,
    HttpContract,
    RpcContract,
    EnteredContract,
)
"""The contracts of the correct sources."""


@dataclass(frozen=True)
class Mutant:
    """One mutant.

    Attributes:
        name: The fault.
        contract: The contract class of the original source.
        make: Returns a new object with the hooks, because some mutants have state.
        killer: The test that must fail.
    """

    name: str
    contract: type[SourceContract]
    make: Callable[[], object]
    killer: str

    def contract_class(self) -> type[SourceContract]:
        """Return the contract class of the mutant."""
        return type("Mutated", (self.contract,), {"source": self.make(), "__doc__": self.name})

    def result(self) -> ContractTestResult:
        """Return the result of the test that must fail."""
        return run_test(self.contract_class(), self.killer)


def is_killed(result: ContractTestResult) -> bool:
    """Whether a test failed, or warned, with a line ``Fix: …``."""
    messages = (result.message,) if result.outcome == "failed" else result.warnings
    return any(one.rpartition("\n")[2].startswith(FIX) for one in messages)


def mutants() -> tuple[Mutant, ...]:
    """Return all mutants."""
    found = tuple(chain(_in_memory(), _over_http(), _with_sessions(), _of_entered_values()))
    repeated = [name for name, times in Counter(one.name for one in found).items() if times > 1]
    if repeated:
        raise ValueError(f"several mutants have the same name: {', '.join(repeated)}")
    return found


def _in_memory() -> Iterator[Mutant]:
    tables = (in_memory_mutants.MUTANTS, in_memory_edge_cases.MUTANTS, weight_mutants.MUTANTS)
    for name, (source, killer) in chain.from_iterable(table.items() for table in tables):
        yield Mutant(name, InMemoryContract, partial(copy, source), killer)


def _over_http() -> Iterator[Mutant]:
    modules = (
        http_errors,
        retry_faults,
        secret_leaks,
        encoded_secrets,
        state_leaks,
        counting_errors,
        combined_queries,
        date_boundaries,
        bundle_faults,
        process_side_effects,
        labels,
        lists,
    )
    for module in modules:
        yield from _of_classes(HttpContract, module.KILLERS)


def _with_sessions() -> Iterator[Mutant]:
    for module in (refusals, sessions, payloads):
        yield from _of_classes(RpcContract, module.KILLERS)


def _of_entered_values() -> Iterator[Mutant]:
    for name, (source, killer) in entered_mutants.MUTANTS.items():
        yield Mutant(name, EnteredContract, partial(copy, source), killer)


def _of_classes(
    contract: type[SourceContract], killers: Mapping[str, Sequence[type[HttpSource]]]
) -> Iterator[Mutant]:
    for killer, classes in killers.items():
        for mutant in classes:
            yield Mutant(_fault(mutant), contract, mutant, killer)


def _fault(mutant: type[HttpSource]) -> str:
    """Return the docstring of a mutant in lower case, without a full stop."""
    text = (mutant.__doc__ or "").strip().rstrip(".")
    return text[0].lower() + text[1:]


def false_failures() -> tuple[ContractTestResult, ...]:
    """Return the tests of the correct sources that failed or warned; there must be none."""
    return tuple(
        result
        for contract in REFERENCES
        for result in run_tests(contract)
        if result.outcome == "failed" or result.warnings
    )
