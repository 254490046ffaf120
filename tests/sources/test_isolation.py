"""The caller gets a result or an error before the deadline, and never a secret."""

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
from smaply_metrics_core.redaction import HIDDEN
from smaply_metrics_core.sources.isolation import MOST_STUCK, PluginIsolation

from .conftest import TOKEN, FakeClock

WHO = "The source “Acme” (distribution acme 1.0)"


@pytest.fixture
def isolation() -> PluginIsolation:
    """An isolation with the token as a secret."""
    return PluginIsolation(WHO, "acme").with_secrets([TOKEN])


def failing(error: BaseException) -> Callable[[], object]:
    """Return a function that raises an exception."""

    def work() -> object:
        raise error

    return work


def error_of(isolation: PluginIsolation, deadline: Deadline, raised: BaseException) -> MetricsError:
    """Return the error that the caller gets when the source raises an exception."""
    with pytest.raises(MetricsError) as caught:
        isolation.call(failing(raised), deadline=deadline, what="list_surveys")
    return caught.value


def test_a_call_runs_on_another_thread(isolation: PluginIsolation, later: Deadline) -> None:
    """The source runs on a separate daemon thread, which ends with the call."""
    thread = isolation.call(threading.current_thread, deadline=later, what="list_surveys")

    assert thread is not threading.current_thread()
    assert thread.daemon
    assert thread.name == "smaply-source acme list_surveys"
    assert not thread.is_alive()


class Panic(BaseException):
    """The exception of an extension module that panics."""


@pytest.mark.parametrize(
    ("raised", "said"),
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
    isolation: PluginIsolation, later: Deadline, raised: BaseException, said: str
) -> None:
    """Any exception becomes a plugin error that names the distribution."""
    error = error_of(isolation, later, raised)

    assert type(error) is PluginError
    assert error.message.startswith(f"{WHO} failed: {said}")
    assert error.message.endswith("(in list_surveys)")


def test_a_metrics_error_is_passed_on(isolation: PluginIsolation, later: Deadline) -> None:
    """Class, texts, issue, code and request id of a ``MetricsError`` are preserved."""
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


LONG = "x" * 2_000_000


@pytest.mark.parametrize(
    "raised",
    [
        SurveyUnavailable(LONG, remedy=LONG, code=LONG, request_id=LONG, summary=LONG),
        CredentialRefused("no", fields=(FieldProblem(name=LONG, message=LONG, suggestion=LONG),)),
        ValueError(LONG),
    ],
    ids=["texts", "fields", "foreign"],
)
def test_long_texts_of_an_error_are_not_kept(
    isolation: PluginIsolation, later: Deadline, raised: Exception
) -> None:
    """An error that repeats a response of any size is stored and shown as a short one."""
    problem = error_of(isolation, later, raised).to_problem()

    assert len(problem.model_dump_json()) < 10_000


def test_additional_attributes_are_preserved(isolation: PluginIsolation, later: Deadline) -> None:
    """``retry_at`` and the problems of fields are preserved."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    fields = (FieldProblem(name="host", message="Odd.", suggestion="api.acme.com"),)

    limited = error_of(isolation, later, RateLimited("Wait.", retry_at=at))
    invalid = error_of(isolation, later, CredentialsInvalid("Odd.", fields=fields, remedy="Mend."))

    assert isinstance(limited, RateLimited)
    assert limited.retry_at == at
    assert isinstance(invalid, CredentialsInvalid)
    assert invalid.fields == fields


def test_a_time_without_a_zone_is_a_fault_of_the_source(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """It could be neither stored nor compared, so that the refresh would end without a problem."""
    naive = RateLimited("Wait.", retry_at=datetime(2026, 1, 1))  # noqa: DTZ001  # What is tested.
    assert error_of(isolation, later, naive).kind == "plugin_error"


class AcmeRefused(CredentialRefused):
    """A source's own error class with a secret attribute."""

    kind = "acme_refused"

    def __init__(self) -> None:
        super().__init__("No.")
        self.token = TOKEN


def test_a_subclass_becomes_the_class_of_the_tree(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """A source's own error class and its attributes are dropped."""
    error = error_of(isolation, later, AcmeRefused())

    assert type(error) is CredentialRefused
    assert vars(error).keys() == {*("message", "remedy", "summary", "fields", "code", "request_id")}


class Nameless(type):
    """A metaclass whose classes have no readable name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]  # Read-only, and raises.
        raise SystemExit


class Unspeakable(Exception, metaclass=Nameless):
    """An exception whose class has no readable name."""


class Unreadable(Exception):
    """An exception whose text and notes raise SystemExit."""

    def __str__(self) -> str:
        raise SystemExit

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # As above.
        raise SystemExit


@pytest.mark.parametrize(
    ("raised", "said"),
    [(Unspeakable(), "failed: an exception that cannot be"), (Unreadable(), "failed: Unreadable")],
)
def test_inspecting_an_exception_is_isolated(
    isolation: PluginIsolation, later: Deadline, raised: Exception, said: str
) -> None:
    """An exception whose own code fails is reported without details."""
    assert said in error_of(isolation, later, raised).message


def test_an_error_that_sources_cannot_raise_is_a_plugin_error(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """An error class with attributes that only the core sets is not passed on."""
    problem = SurveyUnavailable("It is gone.").to_problem()
    step = StepResult(name="reach", title="Reach", required=True, status="failed", problem=problem)

    error = error_of(isolation, later, CheckFailed(CheckReport(steps=(step,))))

    assert type(error) is PluginError
    assert "CheckFailed" in error.message


@pytest.mark.parametrize("name", ["message", "remedy", "code"])
def test_an_error_with_invalid_attributes_is_a_plugin_error(
    isolation: PluginIsolation, later: Deadline, name: str
) -> None:
    """An error whose attributes have unexpected types is not passed on."""
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
def test_no_message_contains_a_secret(
    isolation: PluginIsolation, later: Deadline, raised: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the error, nor its causes and notes, nor the log contains the token."""
    raised.__cause__ = KeyError(TOKEN)
    raised.add_note(TOKEN)
    caplog.set_level(logging.DEBUG)

    error = error_of(isolation, later, raised)

    assert type(error) is (type(raised) if isinstance(raised, MetricsError) else PluginError)
    assert TOKEN not in f"{error!r} {vars(error)} {error.to_problem()}"
    assert HIDDEN in str(error.to_problem())
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not hasattr(error, "__notes__")
    assert TOKEN not in caplog.text
    assert "Traceback" in caplog.text


def test_no_error_refers_to_a_frame_of_the_source(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """The traceback has no frames of the source, whose variables may contain secrets."""

    def work() -> None:
        token = TOKEN
        raise SurveyUnavailable(f"Gone: {len(token)}")

    with pytest.raises(SurveyUnavailable) as caught:
        isolation.call(work, deadline=later, what="list_surveys")

    names = [entry.name for entry in caught.traceback]
    assert "call" in names
    assert "work" not in names


def test_a_source_cannot_cancel_a_call(isolation: PluginIsolation, later: Deadline) -> None:
    """A cancellation that the caller did not request is a plugin error."""
    error = error_of(isolation, later, Cancelled("Stopped."))

    assert type(error) is PluginError
    assert "was not cancelled" in error.message


def test_a_hanging_call_ends_at_the_deadline(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """The error names the source, and the thread is listed until it ends."""

    def hang() -> None:
        clock.seconds += 60
        released.wait()

    with pytest.raises(DeadlineExceeded, match=r"acme 1\.0\) did not answer in time") as caught:
        isolation.call(hang, deadline=Deadline.after(60, clock), what="list_surveys")

    assert caught.value.__context__ is None
    assert isolation.stuck.names() == ("smaply-source acme list_surveys",)
    (thread,) = (t for t in threading.enumerate() if t.name.startswith("smaply-source acme"))
    released.set()
    thread.join(60)
    assert isolation.stuck.names() == ()


def test_a_clock_that_does_not_advance_does_not_block_the_caller(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """The wait ends by the system's clock as well as by the injected one."""
    with pytest.raises(DeadlineExceeded):
        isolation.call(released.wait, deadline=Deadline.after(0.2, clock), what="list_surveys")


def test_an_injected_clock_ends_the_wait(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """The wait ends when the deadline has passed by the injected clock."""

    def work() -> bool:
        clock.seconds += 60
        return released.wait()

    with pytest.raises(DeadlineExceeded):
        isolation.call(work, deadline=Deadline.after(50, clock), what="list_surveys")


def test_after_the_deadline_nothing_is_called(isolation: PluginIsolation, clock: FakeClock) -> None:
    """A call with an expired deadline does not reach the source."""
    called: list[int] = []

    with pytest.raises(DeadlineExceeded):
        isolation.call(
            lambda: called.append(1), deadline=Deadline.after(0, clock), what="list_surveys"
        )

    assert called == []


def test_a_cancellation_ends_the_wait_immediately(
    isolation: PluginIsolation, later: Deadline, released: threading.Event
) -> None:
    """A cancelled call does not wait for the source."""

    def work() -> bool:
        later.cancelled.set()
        return released.wait()

    with pytest.raises(Cancelled):
        isolation.call(work, deadline=later, what="list_surveys")


def test_a_source_with_many_stuck_calls_gets_no_more_threads(
    isolation: PluginIsolation, released: threading.Event
) -> None:
    """A source that never returns cannot create threads without limit."""
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

    with pytest.raises(SourceNotUsable, match=f"{MOST_STUCK} of its calls never ended"):
        isolation.call(lambda: 1, deadline=deadline, what="list_surveys")
