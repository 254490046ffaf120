"""Failures of contract tests: what is wrong, and a last line that says how to fix it."""

from __future__ import annotations

import traceback
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
        AssertionError: with what is wrong, and how to fix it.
    """
    if not condition:
        raise broken(what, fix)


def unexpected(error: MetricsError, activity: str) -> AssertionError:
    """Return the failure of a test whose source raised an error instead of answering."""
    code = f", code {error.code}" if error.code else ""
    return broken(
        f"{activity}: the source ended in {error.kind}{code}: {error.message}", _fix(error)
    )


def _fix(error: MetricsError) -> str:
    match error:
        case DestinationRefused():
            return (
                "correct the hook `destinations` and the addresses that are asked; for a folder or "
                "a server of the test's own, allow it in the fact `allowed`"
            )
        case DeadlineExceeded():
            return (
                "let the hook come to an end: ask with `context.http`, wait with `context.pause`, "
                "and follow lists with `http.pages`"
            )
        case SourceNotUsable():
            return "mend what the message names; `smaply-metrics source doctor ID` shows it as well"
        case PluginError():
            return (
                "mend the hook that the message names: what it raises has to be an error of the "
                "framework's tree, and what it gives what the contract says"
            )
        case BundleRefused():
            return "write what the survey tool answered, never what was sent to it"
    return (
        "give the contract credentials, and a survey, with which this works; if they are right, "
        f"the source refuses what it should answer. The error's own remedy: {error.remedy}"
    )


def unknown_instant() -> AssertionError:
    """Return the failure of a test that needs the instant of a response."""
    return broken(
        "The contract test does not know when a response was recorded, so a source that counts "
        "the end of a range, or takes the days of another zone, would pass.",
        "set `recorded_at`, or give in `exceptions` the reason why nobody can know",
    )


def with_fix(error: Exception) -> str:
    """Return the text of the error that ended a test, with a last line ``Fix: …``."""
    text = str(error)
    if isinstance(error, AssertionError) and text.rpartition("\n")[2].startswith(FIX):
        return text
    what = f"{type(error).__name__}: {text}".rstrip(": ")
    return str(broken(what, "mend what was raised: no test of the suite ends in this by itself"))


def is_suite_skip(skip: BaseException) -> bool:
    """Whether a skip was raised by the suite itself, and not by a fact or a fixture."""
    raised_in = [frame for frame, _ in traceback.walk_tb(skip.__traceback__)]
    return bool(raised_in) and raised_in[-1].f_globals.get("__name__", "").startswith(_SUITE)


def foreign_skip(test: str, why: object) -> AssertionError:
    """Return the failure of a test of the suite that something outside the suite skipped."""
    return broken(
        f"{test} was not run, and the suite did not leave it out: {why}",
        f'remove what skips it or expects it to fail, or give the reason: exceptions = {{"{test}": '
        '"…"}; the report of every run prints it',
    )
