"""Sessions: signing in and out, sessions that end, and locked addresses."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import ReplayServer, noted
from plugins.limesurvey.tests.support import (
    CREDENTIALS,
    NOW,
    problem_of,
    query,
    session,
)
from smaply_metrics_core import (
    AccessMissing,
    Deadline,
    Issue,
    MetricsError,
    RateLimited,
    SourceUnavailable,
    Tally,
)
from smaply_metrics_core.testing import ManualClock

NPS = query("910001", "nps", "nps")


@pytest.fixture
def lime() -> ReplayServer:
    """A LimeSurvey server."""
    return ReplayServer()


def methods(lime: ReplayServer) -> list[str]:
    """Return the functions that were called."""
    return [method for method, _ in lime.calls]


@pytest.mark.parametrize("hook", ["check", "surveys", "questions", "fetch"])
def test_each_call_has_a_session_that_is_released(lime: ReplayServer, hook: str) -> None:
    """A call signs in once, and signs out at the end."""
    with session(lime.answer) as opened:
        match hook:
            case "check":
                assert all(step.status == "passed" for step in opened.check())
            case "surveys":
                assert opened.surveys()
            case "questions":
                assert opened.questions("910001").questions
            case _:
                assert isinstance(opened.fetch("910001", [NPS])[NPS.id], Tally)
    assert not lime.open
    assert methods(lime).count("get_session_key") == 1
    assert methods(lime)[-1] == "release_session_key"


def test_the_session_is_released_after_an_error(lime: ReplayServer) -> None:
    """A call that fails signs out too."""
    problem_of(lime.answer, lambda opened: opened.questions("910008"))
    assert not lime.open


def test_the_session_is_released_if_a_check_is_abandoned(lime: ReplayServer) -> None:
    """A check that is closed between two steps signs out."""
    with session(lime.answer) as opened:
        steps = opened.check()
        assert [next(steps).name, next(steps).name] == ["reach", "authenticate"]
        steps.close()  # type: ignore[attr-defined]  # An iterator that is a generator.
    assert not lime.open


def test_a_release_that_fails_costs_no_numbers(lime: ReplayServer) -> None:
    """LimeSurvey ends the session itself, so the numbers are returned."""

    def server(request: httpx.Request) -> httpx.Response:
        if b"release_session_key" in request.read():
            raise httpx.ConnectError("refused")
        return lime.answer(request)

    with session(server) as opened:
        assert isinstance(opened.fetch("910001", [NPS])[NPS.id], Tally)


def test_a_session_that_ends_in_between_is_renewed_once(lime: ReplayServer) -> None:
    """The call signs in again and continues; the result is the same."""
    with session(lime.answer) as opened:
        undisturbed = opened.fetch("910001", [NPS])[NPS.id]
    for ends_after in range(1, len(lime.calls) - 1):
        other = ReplayServer(ends_after=ends_after)
        with session(other.answer) as opened:
            assert opened.fetch("910001", [NPS])[NPS.id] == undisturbed
        assert methods(other).count("get_session_key") == 2
        assert not other.open


def test_a_session_that_never_works_ends_in_an_error(lime: ReplayServer) -> None:
    """A second loss of the session in one call is an error, not another sign-in."""

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        return noted("login", "empty key") if b"list_questions" in request.content else response

    error = problem_of(server, lambda opened: opened.fetch("910001", [NPS]))
    assert isinstance(error, SourceUnavailable)
    assert methods(lime).count("get_session_key") == 2


def test_a_locked_address_rests_until_the_lock_ends(lime: ReplayServer) -> None:
    """The fourth sign-in is refused even with the right password: the connection rests."""
    for _ in range(3):
        with session(lime.answer, {**CREDENTIALS, "password": "wrong-password"}) as opened:
            list(opened.check())
    lime.calls.clear()
    error = problem_of(lime.answer, lambda opened: opened.fetch("910001", [NPS]))
    assert isinstance(error, RateLimited)
    assert error.code == "login_locked"
    assert error.retry_at == NOW + timedelta(minutes=10)
    assert "10 minutes" in error.message
    assert methods(lime) == ["get_session_key"]


@pytest.mark.parametrize(
    "text",
    [
        "Zu viele Anmeldeversuche. Bitte warten Sie 10 Minuten, bevor Sie es erneut versuchen.",
        "Ha superado el número máximo de intentos. Espere 10 minutos antes de volver a intentarlo.",
    ],
)
def test_the_lock_is_recognized_in_other_languages(text: str) -> None:
    """The message is in the language of the server; it contains the number of minutes."""
    error = _sign_in(text)
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(minutes=10)


def test_a_user_who_may_not_use_a_password_has_an_error_of_their_own(lime: ReplayServer) -> None:
    """The password is right, but the permission is missing."""
    text = "Internal database authentication method is not allowed for this user"
    error = _sign_in(text)
    assert isinstance(error, AccessMissing)
    assert error.issue is Issue.AUTHENTICATION


def test_an_unknown_refusal_of_a_sign_in_is_no_outage() -> None:
    """A text that is not known is a problem of the user, and is not repeated."""
    error = _sign_in("Computer says no")
    assert isinstance(error, AccessMissing)
    assert "Computer" not in f"{error} {error.remedy}"


def _sign_in(text: str) -> MetricsError:
    def server(request: httpx.Request) -> httpx.Response:
        assert b"get_session_key" in request.read()
        return httpx.Response(200, json={"id": 1, "result": {"status": text}, "error": None})

    return problem_of(server, lambda opened: opened.surveys())


def test_the_session_key_is_in_no_message(
    lime: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that repeats the session key in its errors does not put it into ours."""
    caplog.set_level("DEBUG")

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        if b"list_questions" not in request.content:
            return response
        key = request.content.split(b'"')[7].decode()
        return httpx.Response(200, json={"id": 1, "result": {"status": f"bad {key}"}, "error": key})

    error = problem_of(server, lambda opened: opened.questions("910001"))
    assert "SESSIONKEY" not in f"{error.to_problem()} {caplog.text}"


def test_a_deadline_ends_the_call(lime: ReplayServer) -> None:
    """After the deadline, only the session is released."""
    clock = ManualClock(NOW)

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        if b"list_questions" in request.content:
            clock.forward(601)
        return response

    with session(server, clock=clock, deadline=Deadline.after(600, clock)) as opened:
        answer = opened.fetch("910001", [NPS])[NPS.id]
    assert isinstance(answer, MetricsError)
    assert answer.kind == "deadline_exceeded"
    assert methods(lime)[-2:] == ["list_questions", "release_session_key"]
