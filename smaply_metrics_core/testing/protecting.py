"""Nobody weakens the suite quietly: what a class changes of it needs a written reason."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Final

from smaply_metrics_core.testing.harness import Harness
from smaply_metrics_core.testing.verdict import broken, expect

GUARDIAN: Final = "test_every_exception_has_a_reason"
SHORTEST_REASON: Final = 12
"""Characters: “not needed” is no reason."""

MAY_BE_SET: Final = {"clock", "exceptions"}
"""Beside the facts, what a class may give in its own way."""


class ProtectingContract(Harness):
    """The test that watches over the others."""

    def test_every_exception_has_a_reason(self) -> None:
        """No test is left out, and nothing of the suite replaced, without a reason in writing."""
        cls = type(self)
        check_exceptions(cls)
        for name in changed(cls):
            expect(
                name in cls.exceptions,
                f"{cls.__name__} replaces {name} of the contract suite and does not say why.",
                f'remove it, or give the reason: exceptions = {{"{name}": "…"}}; the report of '
                "every run prints it",
            )


def check_exceptions(cls: type[Harness]) -> None:
    """See that each exception names something of the suite, and says why.

    Raises:
        AssertionError: when one does not.
    """
    known = protected()
    for name, reason in cls.exceptions.items():
        expect(
            name in known and name != GUARDIAN,
            f"{cls.__name__} makes an exception of {name}, "
            + ("which nothing excuses." if name == GUARDIAN else "which is no part of the suite."),
            "name a test of the suite in `exceptions`, or remove the entry",
        )
        expect(
            len(str(reason).strip()) >= SHORTEST_REASON,
            f"{cls.__name__} makes an exception of {name} because of “{reason}”.",
            "say in a sentence what of the survey tool makes this test meaningless",
        )


def changed(cls: type[Harness]) -> tuple[str, ...]:
    """Name what a class has replaced of the suite: tests, and what they are made of."""
    return tuple(
        name
        for name, original in protected().items()
        if inspect.getattr_static(cls, name, None) is not original
    )


@cache
def protected() -> Mapping[str, object]:
    """Give everything of the suite that is no fact, as it was written."""
    from smaply_metrics_core.testing.contract import SourceContract

    suite = [base for base in SourceContract.__mro__ if base is not object]
    facts = {name for base in suite for name in inspect.get_annotations(base)} | MAY_BE_SET
    return {
        name: inspect.getattr_static(SourceContract, name)
        for base in suite
        for name in vars(base)
        if name not in facts and not name.startswith("__")
    }


def refuse_without_guardian(cls: type[Harness]) -> None:
    """Refuse a class that replaces the one test that nothing excuses.

    Raises:
        AssertionError: naming the class.
    """
    if GUARDIAN in vars(cls):
        raise broken(
            f"{cls.__name__} replaces {GUARDIAN}, which nothing excuses.",
            "remove it, and give reasons in `exceptions`",
        )
