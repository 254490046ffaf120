"""All mutants: sources with one fault each, and the test that must detect it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain

from smaply_metrics_core.testing.assertions import FIX
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import ContractTestResult, run_test, run_tests
from tests.contract_suite.mutants import in_memory_mutants, weight_mutants
from tests.contract_suite.mutants.contracts import HttpContract, InMemoryContract
from tests.contract_suite.mutants.http_mutants import (
    bundle_faults,
    combined_queries,
    counting_errors,
    date_boundaries,
    encoded_secrets,
    http_errors,
    labels,
    process_side_effects,
    retry_faults,
    secret_leaks,
    state_leaks,
)
from tests.contract_suite.mutants.http_source import HttpSource

REFERENCES: tuple[type[SourceContract], ...] = (InMemoryContract, HttpContract)
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
    """Whether a test failed with a line ``Fix: …``."""
    return result.outcome == "failed" and result.message.rpartition("\n")[2].startswith(FIX)


def mutants() -> tuple[Mutant, ...]:
    """Return all mutants."""
    found = tuple(chain(_in_memory(), _over_http()))
    repeated = [name for name, times in Counter(one.name for one in found).items() if times > 1]
    if repeated:
        raise ValueError(f"several mutants have the same name: {', '.join(repeated)}")
    return found


def _in_memory() -> Iterator[Mutant]:
    every = in_memory_mutants.MUTANTS | weight_mutants.MUTANTS
    for name, (source, killer) in every.items():
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
    )
    for killers in (module.KILLERS for module in modules):
        for killer, classes in killers.items():
            for mutant in classes:
                yield Mutant(_fault(mutant), HttpContract, mutant, killer)


def _fault(mutant: type[HttpSource]) -> str:
    """Return the docstring of a mutant in lower case, without a full stop."""
    text = (mutant.__doc__ or "").strip().rstrip(".")
    return text[0].lower() + text[1:]


def false_failures() -> tuple[ContractTestResult, ...]:
    """Return the failed tests of the correct sources; there must be none."""
    return tuple(
        result
        for contract in REFERENCES
        for result in run_tests(contract)
        if result.outcome == "failed"
    )
