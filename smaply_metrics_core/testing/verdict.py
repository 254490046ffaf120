"""How a contract test fails: with what is wrong, and a last line that says how to mend it."""

from __future__ import annotations

from smaply_metrics_core.errors import MetricsError, PluginError


def broken(what: str, fix: str) -> AssertionError:
    """Make the failure of a contract test; it ends with a line ``Fix: …``."""
    return AssertionError(f"{what}\nFix: {fix}")


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
    return broken(
        f"{doing}: the source ended in {error.kind}{code}: {error.message}",
        "mend the source: nothing but an error of the framework's tree may leave a hook"
        if isinstance(error, PluginError)
        else "give the contract credentials, and a survey, with which this works; if they are "
        f"right, the source refuses what it should answer. The error's own remedy: {error.remedy}",
    )
