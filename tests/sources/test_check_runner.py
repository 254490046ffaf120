"""The steps of a check become results, even if the source fails."""

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
    """A function that checks credentials with a source that yields these steps."""

    def run(steps: Callable[[], Steps]) -> list[StepResult]:
        thing = type("Spoilt", (Acme,), {"validate_credentials": hookimpl(lambda self: steps())})()
        with get(thing).session(
            credentials, account="acct", allowed=anywhere, deadline=later
        ) as session:
            return list(session.check())

    return run


def statuses(results: list[StepResult]) -> list[tuple[str, str]]:
    """Return the name and status of each step, in the order of the results."""
    assert sorted(one.name for one in results) == ["authenticate", "export", "reach"]
    return [(one.name, one.status) for one in results]


def test_every_step_passes_with_its_details(check: Check) -> None:
    """A step that ends without an error has passed, with the details of its notes."""

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
    """A note with a problem does not fail a step, even a required one."""

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
    """The running step fails with the error, and later ones are skipped."""

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


def test_an_error_in_an_optional_step_is_a_warning(check: Check) -> None:
    """A step that is not required does not fail the check."""

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
    """An error before the first step is reported as its failure."""

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


def test_a_required_step_that_never_begins_fails(check: Check) -> None:
    """A source that ends without a required step violates the contract."""

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
    assert "the required step “authenticate” never began" in results[2].problem.message


def test_an_optional_step_may_be_omitted(check: Check) -> None:
    """An optional step that did not begin is skipped."""

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
        CheckStep(name=TOKEN, title="Undeclared", required=False),
    ],
)
def test_an_invalid_item_is_a_plugin_error(check: Check, wrong: object) -> None:
    """An undeclared or repeated step, or another object, fails the running step."""

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


def test_a_note_before_any_step_is_a_plugin_error(check: Check) -> None:
    """A note belongs to the running step."""

    def steps() -> Steps:
        yield CheckNote(detail="early")

    assert statuses(check(steps))[0] == ("reach", "failed")


def test_the_declaration_of_a_step_applies(check: Check) -> None:
    """A yielded step cannot change whether it is required."""

    def steps() -> Steps:
        yield REACH
        yield CheckStep(name="authenticate", title="Never mind", required=False)
        raise CredentialRefused("The token is not accepted.")

    result = check(steps)[1]

    assert (result.title, result.required, result.status) == ("Sign in", True, "failed")


def test_secrets_in_notes_are_redacted(check: Check) -> None:
    """The token is redacted in the details and problems of notes."""
    problem = PROBLEM.model_copy(update={"message": f"GET ?key={TOKEN}", "code": TOKEN.lower()})

    def steps() -> Steps:
        yield REACH
        yield CheckNote(detail=f"signed in with {TOKEN}", problem=problem)
        yield SIGN_IN

    reached = check(steps)[0]
    assert reached.detail == "signed in with ••••"
    assert reached.problem is not None
    assert (reached.problem.message, reached.problem.code) == ("GET ?key=••••", "••••")


def test_endless_notes_fail_the_step(check: Check) -> None:
    """A check with more items than the maximum fails."""

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
    """The results before the deadline are returned, and the step that hangs fails."""

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


def test_results_are_yielded_as_each_step_ends(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """A page can show a step while the next one runs; closing the iterator ends the check."""
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


def test_a_cancelled_check_raises(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """A cancellation is raised and not reported as a failed step."""
    with get(Acme()).session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        results = session.check()
        next(results)
        later.cancelled.set()

        with pytest.raises(Cancelled):
            next(results)
