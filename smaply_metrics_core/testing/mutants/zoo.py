"""All mutants: each a source with one fault, and the test that is made for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain

from smaply_metrics_core.testing.contract import SourceContract
from smaply_metrics_core.testing.mutants import (
    bordering,
    combining,
    disguising,
    exporting,
    in_memory,
    insisting,
    keeping,
    leaving,
    naming,
    over_http,
    telling,
)
from smaply_metrics_core.testing.mutants.facts import RemoteContract, TinyContract
from smaply_metrics_core.testing.mutants.remote import Remote
from smaply_metrics_core.testing.running import Verdict, run_test, run_tests
from smaply_metrics_core.testing.verdict import FIX

REFERENCES: tuple[type[SourceContract], ...] = (TinyContract, RemoteContract)
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

    def verdict(self) -> Verdict:
        """Run the test that is made for it."""
        return run_test(self.tried(), self.killer)


def kills(verdict: Verdict) -> bool:
    """Whether a test failed, and said how to mend the source."""
    return verdict.outcome == "failed" and verdict.said.rpartition("\n")[2].startswith(FIX)


def mutants() -> tuple[Mutant, ...]:
    """Give all of them."""
    found = tuple(chain(_in_memory(), _over_http()))
    twice = [name for name, times in Counter(one.name for one in found).items() if times > 1]
    if twice:
        raise ValueError(f"two mutants have one name: {', '.join(twice)}")
    return found


def _in_memory() -> Iterator[Mutant]:
    for name, (source, killer) in in_memory.MUTANTS.items():
        yield Mutant(name, TinyContract, partial(copy, source), killer)


def _over_http() -> Iterator[Mutant]:
    modules = (
        over_http,
        insisting,
        telling,
        disguising,
        keeping,
        combining,
        bordering,
        exporting,
        leaving,
        naming,
    )
    for killers in (module.KILLERS for module in modules):
        for killer, classes in killers.items():
            for mutant in classes:
                yield Mutant(_does(mutant), RemoteContract, mutant, killer)


def _does(mutant: type[Remote]) -> str:
    """Say in words what a mutant does: its docstring, within a sentence."""
    said = (mutant.__doc__ or "").strip().rstrip(".")
    return said[0].lower() + said[1:]


def wronged() -> tuple[Verdict, ...]:
    """Give the tests that a source without a fault fails: there may be none."""
    return tuple(
        verdict
        for contract in REFERENCES
        for verdict in run_tests(contract)
        if verdict.outcome == "failed"
    )
