"""All mutants: each a source with one fault, and the test that is made for it."""

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
from tests.contract_suite.mutants import in_memory_mutants
from tests.contract_suite.mutants.contracts import HttpContract, InMemoryContract
from tests.contract_suite.mutants.http_mutants import (
    bundle_faults,
    combined_queries,
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
"""The contracts of the sources without a fault."""


@dataclass(frozen=True)
class Mutant:
    """One mutant.

    Attributes:
        name: What it does wrong.
        contract: The facts of the source that it was made of.
        make: Makes the object with the hooks; anew each time, since some keep things.
        killer: The test that has to fail.
    """

    name: str
    contract: type[SourceContract]
    make: Callable[[], object]
    killer: str

    def tried(self) -> type[SourceContract]:
        """Give the contract with which it is tried."""
        return type("Mutated", (self.contract,), {"source": self.make(), "__doc__": self.name})

    def verdict(self) -> ContractTestResult:
        """Run the test that is made for it."""
        return run_test(self.tried(), self.killer)


def kills(verdict: ContractTestResult) -> bool:
    """Whether a test failed, and said how to mend the source."""
    return verdict.outcome == "failed" and verdict.message.rpartition("\n")[2].startswith(FIX)


def mutants() -> tuple[Mutant, ...]:
    """Give all of them."""
    found = tuple(chain(_in_memory(), _over_http()))
    twice = [name for name, times in Counter(one.name for one in found).items() if times > 1]
    if twice:
        raise ValueError(f"two mutants have one name: {', '.join(twice)}")
    return found


def _in_memory() -> Iterator[Mutant]:
    for name, (source, killer) in in_memory_mutants.MUTANTS.items():
        yield Mutant(name, InMemoryContract, partial(copy, source), killer)


def _over_http() -> Iterator[Mutant]:
    modules = (
        http_errors,
        retry_faults,
        secret_leaks,
        encoded_secrets,
        state_leaks,
        combined_queries,
        date_boundaries,
        bundle_faults,
        process_side_effects,
        labels,
    )
    for killers in (module.KILLERS for module in modules):
        for killer, classes in killers.items():
            for mutant in classes:
                yield Mutant(_does(mutant), HttpContract, mutant, killer)


def _does(mutant: type[HttpSource]) -> str:
    """Say in words what a mutant does: its docstring, within a sentence."""
    said = (mutant.__doc__ or "").strip().rstrip(".")
    return said[0].lower() + said[1:]


def wronged() -> tuple[ContractTestResult, ...]:
    """Give the tests that a source without a fault fails: there may be none."""
    return tuple(
        verdict
        for contract in REFERENCES
        for verdict in run_tests(contract)
        if verdict.outcome == "failed"
    )
