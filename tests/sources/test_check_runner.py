"""The steps of a check become results, whatever the source does on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import Cancelled, CredentialRefused, ResultsUnavailable
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.check import CheckNote, CheckReport, CheckStep, StepResult
from smaply_metrics_core.models.problem import Blame, Problem
from smaply_metrics_core.sources.allow_list import AllowedDestinations

from .conftest import (
    EXPORT,
    REACH,
    SIGN_IN,
    TOKEN,
    Acme,
    AcmeCredentials,
    FakeClock,
    Gets,
    construct,
)

PROBLEM = Problem(
    kind="odd", message="It is slow.", remedy="Use eu.acme.com.", blame=Blame.CONFIGURATION
)
Steps = Iterator[object]
Check = Callable[[Callable[[], Steps]], list[StepResult]]


@pytest.fixture
def check(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> Check:
    """Checks credentials with a source that goes through the steps given."""

    def run(steps: Callable[[], Steps]) -> list[StepResult]:
        thing = type("Spoilt", (Acme,), {"validate_credentials": hookimpl(lambda self: steps())})()
        with get(thing).session(
            credentials, account="acct", allowed=anywhere, deadline=later
        ) as session:
            return list(session.check())

    return run


def statuses(results: list[StepResult]) -> list[tuple[str, str]]:
    """Each step's name and status, in the order in which they were told."""
    assert sorted(one.name for one in results) == ["authenticate", "export", "reach"]
    return [(one.name, one.status) for one in results]


def test_every_step_passes_with_its_details(check: Check) -> None:
    """A step that ends without an error has passed, with what was noted on the way."""

    def steps() -> Steps:
        yield REACH
        yield SIGN_IN
        yield CheckNote(detail="user u1")
        yield CheckNote(detail="data centre fra1")
        yield EXPORT

    results = check(steps)

    assert statuses(results) == [
        ("reach", "passed"),
        ("authenticate", "passed"),
        ("export", "passed"),
    ]
    assert results[1].detail == "user u1; data centre fra1"
    assert CheckReport(steps=tuple(results)).passed


def test_a_note_with_a_problem_is_a_warning(check: Check) -> None:
    """A problem that is only noted blocks nothing, not even on a required step."""

    def steps() -> Steps:
        yield REACH
        yield CheckNote(problem=PROBLEM)
        yield CheckNote(detail="went on")
        yield SIGN_IN
        yield EXPORT

    results = check(steps)

    assert (results[0].status, results[0].problem) == ("warning", PROBLEM)
    assert CheckReport(steps=tuple(results)).passed


def test_an_error_fails_a_required_step_and_skips_the_rest(check: Check) -> None:
    """The step that runs has failed with the error; later ones are not tried."""

    def steps() -> Steps:
        yield REACH
        yield SIGN_IN
        raise CredentialRefused("The token is not accepted.")

    results = check(steps)

    assert statuses(results) == [
        ("reach", "passed"),
        ("authenticate", "failed"),
        ("export", "skipped"),
    ]
    assert results[1].problem is not None
    assert results[1].problem.kind == "credential_refused"
    assert not CheckReport(steps=tuple(results)).passed


def test_an_error_in_another_step_is_a_warning(check: Check) -> None:
    """A step that is not required never blocks."""

    def steps() -> Steps:
        yield REACH
        yield SIGN_IN
        yield EXPORT
        raise ResultsUnavailable("Results may not be viewed.")

    results = check(steps)

    assert results[2].status == "warning"
    assert results[2].problem is not None
    assert CheckReport(steps=tuple(results)).passed


def test_an_error_before_any_step_fails_the_first(check: Check) -> None:
    """An error never gets lost, even when no step has begun."""

    def steps() -> Steps:
        raise ZeroDivisionError
        yield

    results = check(steps)

    assert statuses(results) == [
        ("reach", "failed"),
        ("authenticate", "skipped"),
        ("export", "skipped"),
    ]
    assert results[0].problem is not None
    assert results[0].problem.kind == "plugin_error"


def test_a_required_step_that_never_begins_has_failed(check: Check) -> None:
    """A source that ends well without trying the token has not checked it."""

    def steps() -> Steps:
        yield REACH
        yield EXPORT

    results = check(steps)

    assert statuses(results) == [
        ("reach", "passed"),
        ("export", "passed"),
        ("authenticate", "failed"),
    ]
    assert results[2].problem is not None
    assert "never began the required step “authenticate”" in results[2].problem.message


def test_a_step_that_is_not_required_may_be_left_out(check: Check) -> None:
    """What was not tried is skipped."""

    def steps() -> Steps:
        yield REACH
        yield SIGN_IN

    assert statuses(check(steps))[2] == ("export", "skipped")


@pytest.mark.parametrize(
    "wrong",
    [
        CheckStep(name="other", title="Other", required=False),
        REACH,
        "reach",
        None,
        construct(CheckStep, name=7, title="Seven", required=True),
        construct(CheckNote, detail=7),
        CheckNote(problem=PROBLEM.model_copy(update={"message": f"GET ?key={TOKEN}"})),
        CheckStep(name=TOKEN, title="Undeclared", required=False),
    ],
)
def test_a_step_that_was_not_declared_is_the_plugins_error(check: Check, wrong: object) -> None:
    """An unknown step, one that ran before, or no step at all fails the one that runs."""

    def steps() -> Steps:
        yield REACH
        yield SIGN_IN
        yield wrong
        yield EXPORT

    results = check(steps)

    assert statuses(results) == [
        ("reach", "passed"),
        ("authenticate", "failed"),
        ("export", "skipped"),
    ]
    assert results[1].problem is not None
    assert results[1].problem.kind == "plugin_error"
    assert TOKEN not in repr(results)


def test_a_note_before_any_step_is_the_plugins_error(check: Check) -> None:
    """A note belongs to the step that runs."""

    def steps() -> Steps:
        yield CheckNote(detail="early")

    assert statuses(check(steps))[0] == ("reach", "failed")


def test_what_a_step_declares_counts(check: Check) -> None:
    """A step cannot make itself less than required while it runs."""

    def steps() -> Steps:
        yield REACH
        yield CheckStep(name="authenticate", title="Never mind", required=False)
        raise CredentialRefused("The token is not accepted.")

    result = check(steps)[1]

    assert (result.title, result.required, result.status) == ("Sign in", True, "failed")


def test_a_note_does_not_carry_the_secret(check: Check) -> None:
    """The token is taken out of what a source notes."""

    def steps() -> Steps:
        yield REACH
        yield CheckNote(detail=f"signed in with {TOKEN}")
        yield SIGN_IN

    assert check(steps)[0].detail == "signed in with ••••"


def test_endless_notes_fail_the_step(check: Check) -> None:
    """A check that never stops noting is cut."""

    def steps() -> Steps:
        yield REACH
        while True:
            yield CheckNote()

    results = check(steps)

    assert results[0].problem is not None
    assert "more than 1,000 items" in results[0].problem.message


def test_a_hanging_step_fails_at_the_deadline(
    get: Gets,
    credentials: AcmeCredentials,
    anywhere: AllowedDestinations,
    clock: FakeClock,
    released: object,
) -> None:
    """What was found before the deadline is told, and the step that hangs has failed."""

    class Hangs(Acme):
        @hookimpl
        def validate_credentials(self) -> Iterator[CheckStep | CheckNote]:
            yield REACH
            yield SIGN_IN
            clock.seconds += 60
            released.wait()  # type: ignore[attr-defined]

    deadline = Deadline.after(50, clock)
    with get(Hangs()).session(
        credentials, account="acct", allowed=anywhere, deadline=deadline
    ) as session:
        results = list(session.check())

    assert statuses(results)[1] == ("authenticate", "failed")
    assert results[1].problem is not None
    assert results[1].problem.kind == "deadline_exceeded"


def test_results_come_as_each_step_ends(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """A page can show a step while the next one runs; leaving early ends the check."""
    log: list[str] = []

    class Tells(Acme):
        @hookimpl
        def validate_credentials(self) -> Iterator[CheckStep | CheckNote]:
            try:
                yield REACH
                yield SIGN_IN
                log.append("signed in")
                yield EXPORT
            finally:
                log.append("closed")

    with get(Tells()).session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        results = session.check()
        assert next(results).name == "reach"
        assert log == []
        results.close()  # type: ignore[attr-defined]  # It is a generator.

    assert log == ["closed"]


def test_a_cancelled_check_is_no_result(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """Whoever asks to stop is not told that something failed."""
    with get(Acme()).session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        results = session.check()
        next(results)
        later.cancelled.set()

        with pytest.raises(Cancelled):
            next(results)
