"""Whatever a source does, the caller gets an answer in time, and no secret with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.errors import (
    Cancelled,
    CheckFailed,
    CredentialRefused,
    CredentialsInvalid,
    DeadlineExceeded,
    MetricsError,
    PluginError,
    RateLimited,
    SourceNotUsable,
    SurveyUnavailable,
)
from smaply_metrics_core.models.check import CheckReport, StepResult
from smaply_metrics_core.models.problem import FieldProblem, Issue
from smaply_metrics_core.sources.isolation import MOST_STUCK, PluginIsolation

from .conftest import TOKEN, FakeClock

WHO = "The source “Acme” (distribution acme 1.0)"


@pytest.fixture
def isolation() -> PluginIsolation:
    """A guard that knows the token."""
    return PluginIsolation(WHO, "acme").keeping([TOKEN])


def failing(error: BaseException) -> Callable[[], object]:
    """A call that raises."""

    def work() -> object:
        raise error

    return work


def error_of(isolation: PluginIsolation, deadline: Deadline, raised: BaseException) -> MetricsError:
    """The error that the caller gets when the source raises another."""
    with pytest.raises(MetricsError) as caught:
        isolation.call(failing(raised), deadline=deadline, what="list_surveys")
    return caught.value


def test_a_result_comes_back_from_another_thread(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """The source runs on a daemon thread of its own, which is gone afterwards."""
    thread = isolation.call(threading.current_thread, deadline=later, what="list_surveys")

    assert thread is not threading.current_thread()
    assert thread.daemon
    assert thread.name == "smaply-source acme list_surveys"
    assert not thread.is_alive()


class Panic(BaseException):
    """What an extension module raises when it gives up."""


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (SystemExit(2), "SystemExit: 2"),
        (KeyboardInterrupt(), "KeyboardInterrupt (in"),
        (GeneratorExit(), "GeneratorExit (in"),
        (StopIteration(), "StopIteration (in"),
        (Panic("unwrap on None"), "Panic: unwrap on None"),
        (KeyError("two\nlines"), "KeyError: 'two\\nlines'"),
    ],
)
def test_a_foreign_exception_becomes_a_plugin_error(
    isolation: PluginIsolation, later: Deadline, raised: BaseException, told: str
) -> None:
    """Whatever is raised is the plugin's error, which names the distribution."""
    error = error_of(isolation, later, raised)

    assert type(error) is PluginError
    assert error.message.startswith(f"{WHO} failed: {told}")
    assert error.message.endswith("(in list_surveys)")


def test_an_error_of_the_tree_comes_as_it_was_raised(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """Class, texts, issue and the survey tool's ids of our own errors are kept."""
    error = error_of(
        isolation,
        later,
        SurveyUnavailable(
            "It is gone.", remedy="Choose another.", code="E1", request_id="r1", issue=Issue.SURVEYS
        ),
    )

    assert type(error) is SurveyUnavailable
    assert error.args == ("It is gone.",)
    assert (error.message, error.remedy) == ("It is gone.", "Choose another.")
    assert (error.code, error.request_id, error.issue) == ("E1", "r1", Issue.SURVEYS)


def test_what_single_errors_carry_is_kept(isolation: PluginIsolation, later: Deadline) -> None:
    """When to retry, and the problems of single fields, come along."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    fields = (FieldProblem(name="host", message="Odd.", suggestion="api.acme.com"),)

    limited = error_of(isolation, later, RateLimited("Wait.", retry_at=at))
    invalid = error_of(isolation, later, CredentialsInvalid("Odd.", fields=fields, remedy="Mend."))

    assert isinstance(limited, RateLimited)
    assert limited.retry_at == at
    assert isinstance(invalid, CredentialsInvalid)
    assert invalid.fields == fields


class AcmeRefused(CredentialRefused):
    """A source's own error, with more than it should carry."""

    kind = "acme_refused"

    def __init__(self) -> None:
        super().__init__("No.")
        self.token = TOKEN


def test_a_subclass_of_ours_becomes_the_class_of_the_tree(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """A source's own error class is not handed on, nor what it carries."""
    error = error_of(isolation, later, AcmeRefused())

    assert type(error) is CredentialRefused
    assert vars(error).keys() == {*("message", "remedy", "summary", "fields", "code", "request_id")}


class Nameless(type):
    """A kind of class that does not give its name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]  # Read-only, and not even that.
        raise SystemExit


class Unspeakable(Exception, metaclass=Nameless):
    """An exception that cannot even be named."""


class Unreadable(Exception):
    """An exception whose text and notes end the program."""

    def __str__(self) -> str:
        raise SystemExit

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # As above.
        raise SystemExit


@pytest.mark.parametrize(
    ("raised", "told"),
    [(Unspeakable(), "failed: an exception that cannot be"), (Unreadable(), "failed: Unreadable")],
)
def test_looking_at_an_exception_is_guarded_too(
    isolation: PluginIsolation, later: Deadline, raised: Exception, told: str
) -> None:
    """An exception whose own code fails is told as far as it can be."""
    assert told in error_of(isolation, later, raised).message


def test_an_error_that_only_the_host_can_make_is_the_plugins(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """An error of our tree that carries more than a source could know is not passed on."""
    problem = SurveyUnavailable("It is gone.").to_problem()
    step = StepResult(name="reach", title="Reach", required=True, status="failed", problem=problem)

    error = error_of(isolation, later, CheckFailed(CheckReport(steps=(step,))))

    assert type(error) is PluginError
    assert "CheckFailed" in error.message


@pytest.mark.parametrize("name", ["message", "remedy", "code"])
def test_an_error_of_ours_that_was_tampered_with_is_the_plugins(
    isolation: PluginIsolation, later: Deadline, name: str
) -> None:
    """An error whose parts are not what they should be is not passed on."""
    raised = SurveyUnavailable("It is gone.")
    setattr(raised, name, object())

    error = error_of(isolation, later, raised)

    assert type(error) is PluginError
    assert "SurveyUnavailable" in error.message


@pytest.mark.parametrize(
    "raised",
    [
        ValueError(f"bad token {TOKEN}!"),
        SurveyUnavailable(f"GET ?token={TOKEN}"),
        SurveyUnavailable("Gone.", remedy=f"Use {TOKEN}"),
        SurveyUnavailable("Gone.", request_id=TOKEN),
        CredentialsInvalid(
            "Odd.", fields=(FieldProblem(name="t", message="No.", suggestion=TOKEN),), remedy="Mend"
        ),
    ],
)
def test_no_message_carries_a_secret(
    isolation: PluginIsolation, later: Deadline, raised: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the error, nor what hangs on it, nor the log tells the token."""
    raised.__cause__ = KeyError(TOKEN)
    raised.add_note(TOKEN)
    caplog.set_level(logging.DEBUG)

    error = error_of(isolation, later, raised)

    assert type(error) is PluginError
    assert type(raised).__name__ in error.message
    assert TOKEN not in f"{error!r} {vars(error)} {error.to_problem()}"
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not hasattr(error, "__notes__")
    assert TOKEN not in caplog.text
    assert "Traceback" in caplog.text


def test_no_frame_of_the_source_hangs_on_an_error(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """The traceback ends in the guard: the source's frames hold its variables, secrets too."""

    def work() -> None:
        token = TOKEN
        raise SurveyUnavailable(f"Gone: {len(token)}")

    with pytest.raises(SurveyUnavailable) as caught:
        isolation.call(work, deadline=later, what="list_surveys")

    names = [entry.name for entry in caught.traceback]
    assert "call" in names
    assert "work" not in names


def test_a_source_cannot_pretend_to_be_cancelled(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """A cancellation that nobody asked for is the plugin's error."""
    error = error_of(isolation, later, Cancelled("Stopped."))

    assert type(error) is PluginError
    assert "nobody asked for" in error.message


def test_a_hanging_call_ends_at_the_deadline(
    isolation: PluginIsolation, soon: Deadline, released: threading.Event
) -> None:
    """The caller is told who was late, and the thread is counted until it ends."""
    with pytest.raises(DeadlineExceeded, match=r"acme 1\.0\) did not answer in time") as caught:
        isolation.call(released.wait, deadline=soon, what="list_surveys")

    assert caught.value.__context__ is None
    assert isolation.stuck.names() == ("smaply-source acme list_surveys",)
    (thread,) = (t for t in threading.enumerate() if t.name.startswith("smaply-source acme"))
    released.set()
    thread.join(60)
    assert isolation.stuck.names() == ()


def test_a_clock_that_stands_still_does_not_hold_the_caller(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """Real time ends the wait as well as the clock that is injected."""
    with pytest.raises(DeadlineExceeded):
        isolation.call(released.wait, deadline=Deadline.after(0.2, clock), what="list_surveys")


def test_an_injected_clock_ends_the_wait(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """When the injected time is over, real time does not matter."""

    def work() -> bool:
        clock.seconds += 60
        return released.wait()

    with pytest.raises(DeadlineExceeded):
        isolation.call(work, deadline=Deadline.after(50, clock), what="list_surveys")


def test_after_the_deadline_nothing_is_called(isolation: PluginIsolation, clock: FakeClock) -> None:
    """A call whose time is over before it begins does not reach the source."""
    called: list[int] = []

    with pytest.raises(DeadlineExceeded):
        isolation.call(
            lambda: called.append(1), deadline=Deadline.after(0, clock), what="list_surveys"
        )

    assert called == []


def test_a_cancellation_ends_the_wait_at_once(
    isolation: PluginIsolation, later: Deadline, released: threading.Event
) -> None:
    """Whoever asks to stop does not wait for the source."""

    def work() -> bool:
        later.cancelled.set()
        return released.wait()

    with pytest.raises(Cancelled):
        isolation.call(work, deadline=later, what="list_surveys")


def test_a_source_with_many_stuck_calls_gets_no_more_threads(
    isolation: PluginIsolation, released: threading.Event
) -> None:
    """A source that never answers cannot fill the program with threads."""
    cancelled = threading.Event()
    deadline = Deadline.after(30, SystemClock(), cancelled)

    def hang() -> bool:
        cancelled.set()
        return released.wait()

    for _ in range(MOST_STUCK):
        cancelled.clear()
        with pytest.raises(Cancelled):
            isolation.call(hang, deadline=deadline, what="list_surveys")
    cancelled.clear()

    with pytest.raises(SourceNotUsable, match=f"{MOST_STUCK} calls that never ended"):
        isolation.call(lambda: 1, deadline=deadline, what="list_surveys")
