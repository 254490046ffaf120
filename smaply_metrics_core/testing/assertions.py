"""Failures of contract tests: a message with the problem, and a last line ``Fix: …``."""

from __future__ import annotations

import traceback
import warnings
from typing import Final

from smaply_metrics_core.errors import (
    BundleRefused,
    DeadlineExceeded,
    DestinationRefused,
    MetricsError,
    PluginError,
    SourceNotUsable,
)

FIX: Final = "Fix: "
_SUITE: Final = f"{__package__}."


def broken(what: str, fix: str) -> AssertionError:
    """Return the failure of a contract test, which ends with a line ``Fix: …``."""
    return AssertionError(f"{what}\n{FIX}{fix}")


def expect(condition: object, what: str, fix: str) -> None:
    """Fail the test unless a condition is true.

    Raises:
        AssertionError: with the problem and how to fix it.
    """
    if not condition:
        raise broken(what, fix)


class ContractWarning(UserWarning):
    """Something that the suite could not test with the facts and the account."""


def warn(what: str, fix: str) -> None:
    """Warn the author about a kind of fault that the test cannot detect."""
    warnings.warn(f"{what}\n{FIX}{fix}", ContractWarning, stacklevel=2)


def unexpected(error: MetricsError, activity: str) -> AssertionError:
    """Return the failure of a test whose source raised an error instead of answering."""
    code = f", code {error.code}" if error.code else ""
    return broken(f"{activity}: the source raised {error.kind}{code}: {error.message}", _fix(error))


def _fix(error: MetricsError) -> str:
    match error:
        case DestinationRefused():
            return (
                "return from the hook `destinations` every address that the source requests; allow "
                "a folder or server of the test in the fact `allowed`"
            )
        case DeadlineExceeded():
            return (
                "make the hook return in time: send requests with `context.http`, wait with "
                "`context.pause`, and follow lists with `http.pages`"
            )
        case SourceNotUsable():
            return "correct the source; `smaply-metrics source doctor ID` shows the reason, too"
        case PluginError():
            return (
                "correct the hook in the message: it must raise errors of the framework's tree and "
                "return the types of the contract"
            )
        case BundleRefused():
            return "write only what the survey tool returned, never what was sent to it"
    return (
        "set credentials and a survey for which this works, or correct the source. "
        f"The error's remedy: {error.remedy}"
    )


def unknown_instant() -> AssertionError:
    """Return the failure of a test that requires ``recorded_at``."""
    return broken(
        "The fact `recorded_at` is missing, so the test cannot detect a source that counts the end "
        "of a range or uses the wrong time zone.",
        "set `recorded_at`, or state in `exceptions` why it cannot be known",
    )


def with_fix(error: Exception) -> str:
    """Return the message of the error that a test raised, with a last line ``Fix: …``."""
    text = str(error)
    if isinstance(error, AssertionError) and text.rpartition("\n")[2].startswith(FIX):
        return text
    what = f"{type(error).__name__}: {text}".rstrip(": ")
    return str(broken(what, "correct the code that raised this; it is not part of the suite"))


def is_suite_skip(skip: BaseException) -> bool:
    """Whether a skip was raised by the suite itself, and not by a fact or a fixture."""
    raised_in = [frame for frame, _ in traceback.walk_tb(skip.__traceback__)]
    return bool(raised_in) and raised_in[-1].f_globals.get("__name__", "").startswith(_SUITE)


def foreign_skip(test: str, why: object) -> AssertionError:
    """Return the failure of a test of the suite that code outside the suite skipped."""
    return broken(
        f"{test} was skipped from outside the suite: {why}",
        "remove the code that skips it or expects it to fail, or state the reason, which every "
        f'report prints: exceptions = {{"{test}": "…"}}',
    )
