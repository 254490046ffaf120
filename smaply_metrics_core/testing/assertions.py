"""How a contract test fails: with what is wrong, and a last line that says how to mend it."""

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
    """Make the failure of a contract test; it ends with a line ``Fix: …``."""
    return AssertionError(f"{what}\n{FIX}{fix}")


def expect(holds: object, what: str, fix: str) -> None:
    """Go on when something holds, else fail the test.

    Raises:
        AssertionError: what is wrong, and how to mend it.
    """
    if not holds:
        raise broken(what, fix)


def unexpected(error: MetricsError, doing: str) -> AssertionError:
    """Make the failure of a test whose source raised an error where it should have answered."""
    code = f", code {error.code}" if error.code else ""
    return broken(f"{doing}: the source ended in {error.kind}{code}: {error.message}", _fix(error))


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
    """Make the failure of a test that needs to know when a response was recorded."""
    return broken(
        "The contract test does not know when a response was recorded, so a source that counts "
        "the end of a range, or takes the days of another zone, would pass.",
        "set `recorded_at`, or give in `exceptions` the reason why nobody can know",
    )


def with_fix(error: Exception) -> str:
    """Give the text of whatever ended a test; it ends with a line ``Fix: …``."""
    text = str(error)
    if isinstance(error, AssertionError) and text.rpartition("\n")[2].startswith(FIX):
        return text
    told = f"{type(error).__name__}: {text}".rstrip(": ")
    return str(broken(told, "mend what was raised: no test of the suite ends in this by itself"))


def left_out_by_suite(skip: BaseException) -> bool:
    """Say whether a test of the suite left something out by itself, and not what it was given."""
    raised_in = [frame for frame, _ in traceback.walk_tb(skip.__traceback__)]
    return bool(raised_in) and raised_in[-1].f_globals.get("__name__", "").startswith(_SUITE)


def left_out_by_others(test: str, why: object) -> AssertionError:
    """Make the failure of a test of the suite that something outside of it has left out."""
    return broken(
        f"{test} was not run, and the suite did not leave it out: {why}",
        f'remove what skips it or expects it to fail, or give the reason: exceptions = {{"{test}": '
        '"…"}; the report of every run prints it',
    )
