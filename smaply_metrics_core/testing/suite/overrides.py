"""Nobody weakens the suite quietly: what a class changes of it needs a written reason."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Final

from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.suite.lab import Lab

GUARDIAN: Final = "test_every_exception_has_a_reason"
SHORTEST_REASON: Final = 12
"""Characters: “not needed” is no reason."""

MAY_BE_SET: Final = {"clock", "exceptions"}
"""Beside the facts, what a class may give in its own way."""

SPECIAL: Final = ("__getattribute__", "__getattr__", "__new__", "__init__", "__init_subclass__")
"""What Python asks a class for before anything of the suite: it decides about all the rest."""

METACLASS: Final = "metaclass"


class OverrideProtection(Lab):
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


def check_exceptions(cls: type[Lab]) -> None:
    """See that each exception names something of the suite, and says why.

    Raises:
        AssertionError: when one does not.
    """
    refuse_unwatched(cls)
    known = {*protected(), *SPECIAL, METACLASS}
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


def changed(cls: type[Lab]) -> tuple[str, ...]:
    """Name what a class has replaced of the suite: tests, and what they are made of."""
    of_the_suite = suite()
    special = (
        name
        for name in SPECIAL
        if any(name in vars(base) for base in cls.__mro__ if base not in of_the_suite)
    )
    replaced = (
        name
        for name, original in protected().items()
        if inspect.getattr_static(cls, name, None) is not original
    )
    return (*([METACLASS] if type(cls) is not type else []), *special, *replaced)


@cache
def suite() -> tuple[type, ...]:
    """Give the classes that the suite is made of, and what every class is."""
    from smaply_metrics_core.testing.suite.contract import SourceContract

    return SourceContract.__mro__


@cache
def protected() -> Mapping[str, object]:
    """Give everything of the suite that is no fact, as it was written."""
    contract, *_ = of_the_suite = suite()[:-1]  # Without `object`.
    facts = {name for base in of_the_suite for name in inspect.get_annotations(base)} | MAY_BE_SET
    return {
        name: inspect.getattr_static(contract, name)
        for base in of_the_suite
        for name in vars(base)
        if name not in facts and not name.startswith("__")
    }


def refuse_unwatched(cls: type[Lab]) -> None:
    """Refuse a class without the one test that nothing excuses, or with unreadable exceptions.

    Raises:
        AssertionError: naming the class.
    """
    if inspect.getattr_static(cls, GUARDIAN) is not vars(OverrideProtection)[GUARDIAN]:
        raise broken(
            f"{cls.__name__} replaces {GUARDIAN}, which nothing excuses.",
            "remove it, and give reasons in `exceptions`",
        )
    if not isinstance(cls.exceptions, Mapping):
        raise broken(
            f"{cls.__name__} gives its exceptions as a {type(cls.exceptions).__name__}.",
            'give a dictionary: exceptions = {"test_…": "the reason, in a sentence"}',
        )
