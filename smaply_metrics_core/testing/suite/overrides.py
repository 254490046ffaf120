"""Detects parts of the suite that a contract class replaces without a written reason."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Final

from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.suite.facts import ContractFacts
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.subject import ContractSubject

GUARDIAN: Final = "test_every_exception_has_a_reason"
MIN_REASON_LENGTH: Final = 12
"""Minimum number of characters; “not needed” is not a reason."""

MAY_BE_SET: Final = {"clock", "exceptions"}
"""Names that a class may define in addition to the facts."""

SPECIAL: Final = ("__getattribute__", "__getattr__", "__new__", "__init__", "__init_subclass__")
"""Methods that Python calls before any attribute of the suite, and that can replace all of it."""

METACLASS: Final = "metaclass"
LAB: Final = "_lab"

PACKAGE: Final = "smaply_metrics_core.testing"
HELPER_PACKAGES: Final = tuple(
    f"{PACKAGE}.{name}" for name in ("suite", "faults", "leak_detection", "assertions", "clock")
)
"""The modules that implement the tests."""


class OverrideProtection(ContractSubject):
    """The test that protects the others."""

    def test_every_exception_has_a_reason(self) -> None:
        """No test is skipped, and nothing of the suite replaced, without a written reason."""
        cls = type(self)
        check_exceptions(cls)
        for name in overridden(cls):
            expect(
                name in cls.exceptions,
                f"{cls.__name__} replaces {name} of the contract suite without a reason.",
                "remove the replacement, or state the reason, which every report prints: "
                f'exceptions = {{"{name}": "…"}}',
            )


def check_exceptions(cls: type[ContractFacts]) -> None:
    """Check that each exception is for a part of the suite, and that it and a sample have a reason.

    Raises:
        AssertionError: with the invalid exception.
    """
    require_guardian(cls)
    known = {*protected(), *protected_helpers(), *SPECIAL, METACLASS, LAB}
    for name, reason in cls.exceptions.items():
        expect(
            name in known and name != GUARDIAN,
            f"{cls.__name__} has an exception for {name}, "
            + ("which allows none." if name == GUARDIAN else "which is not part of the suite."),
            "remove the entry from `exceptions`, or replace it with the name of a test",
        )
        expect(
            len(str(reason).strip()) >= MIN_REASON_LENGTH,
            f"{cls.__name__} has an exception for {name} with the reason “{reason}”.",
            "explain in a sentence why this test does not apply to the survey tool",
        )
    where = str(cls.fault_sample).strip()
    expect(
        not where or len(where) >= MIN_REASON_LENGTH,
        f"{cls.__name__} tries each fault at one request only, with the reason “{where}”.",
        "state in `fault_sample` which class tries each fault at every request, and when it runs",
    )


def overridden(cls: type[ContractFacts]) -> tuple[str, ...]:
    """Return the names of replaced parts of the suite: tests, the lab and their helpers."""
    return tuple(
        dict.fromkeys(
            (
                *([METACLASS] if type(cls) is not type else []),
                *_special_methods(cls),
                *(
                    name
                    for name, original in protected().items()
                    if inspect.getattr_static(cls, name, None) is not original
                ),
                *([LAB] if _has_foreign_lab(cls) else []),
                *(
                    name
                    for name, (owner, attribute, original) in protected_helpers().items()
                    if inspect.getattr_static(owner, attribute, None) is not original
                ),
            )
        )
    )


def _special_methods(cls: type) -> Iterator[str]:
    """Yield the special methods that a class defines outside the suite."""
    suite = suite_classes()
    for name in SPECIAL:
        if any(name in vars(base) for base in cls.__mro__ if base not in suite):
            yield name


def _has_foreign_lab(cls: type) -> bool:
    """Whether a class has a lab of another type, or one with the facts of another class."""
    labs = ((base, vars(base).get(LAB)) for base in cls.__mro__)
    return any(
        lab is not None and not (type(lab) is Lab and type(lab.facts) is base) for base, lab in labs
    )


@cache
def suite_classes() -> tuple[type, ...]:
    """Return ``SourceContract`` and all its base classes."""
    from smaply_metrics_core.testing.suite.contract import SourceContract  # A cycle.

    return SourceContract.__mro__


@cache
def protected() -> Mapping[str, object]:
    """Return the original attributes of ``SourceContract`` that are not facts."""
    contract, *_ = classes = suite_classes()[:-1]  # Without `object`.
    facts = {name for base in classes for name in inspect.get_annotations(base)} | MAY_BE_SET
    return {
        name: inspect.getattr_static(contract, name)
        for base in classes
        for name in vars(base)
        if name not in facts and not name.startswith("__")
    }


@cache
def protected_helpers() -> Mapping[str, tuple[object, str, object]]:
    """Return the original objects that the tests use, with their owner and name.

    These are all global names of the suite's modules and all attributes of their classes.
    """
    found: dict[str, tuple[object, str, object]] = {}
    for module in _helper_modules():
        for name, value in vars(module).items():
            if name.startswith("__") or isinstance(value, ModuleType):
                continue
            found[f"{module.__name__}.{name}"] = (module, name, value)
            if inspect.isclass(value) and value.__module__.startswith(PACKAGE):
                for attribute in (*vars(value), *SPECIAL):
                    original = inspect.getattr_static(value, attribute, None)
                    if attribute.startswith("__") and not callable(original):
                        continue  # Metadata such as `__module__`, which the public module sets.
                    found[f"{value.__name__}.{attribute}"] = (value, attribute, original)
    return found


def _helper_modules() -> Iterator[ModuleType]:
    """Yield the imported modules that implement the tests."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith(HELPER_PACKAGES):
            yield module


def require_guardian(cls: type[ContractFacts]) -> None:
    """Reject a class that replaces the protecting test, or whose exceptions are not a mapping.

    Raises:
        AssertionError: with the name of the class.
    """
    if inspect.getattr_static(cls, GUARDIAN) is not protected()[GUARDIAN]:
        raise broken(
            f"{cls.__name__} replaces {GUARDIAN}, which is not allowed.",
            "remove the replacement, and state reasons in `exceptions`",
        )
    if not isinstance(cls.exceptions, Mapping):
        raise broken(
            f"`exceptions` of {cls.__name__} is a {type(cls.exceptions).__name__}.",
            'use a dictionary: exceptions = {"test_…": "the reason, in a sentence"}',
        )
