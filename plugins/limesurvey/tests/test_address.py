"""Addresses that people enter, and the form of the credentials."""

from __future__ import annotations

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import HOST, ReplayServer
from plugins.limesurvey.tests.support import CREDENTIALS, problem_of, session
from smaply_metrics_core import (
    Address,
    CredentialRefused,
    CredentialsInvalid,
    DestinationRefused,
    parse_credentials,
)
from smaply_metrics_core.testing import AllowedDestinations
from smaply_metrics_limesurvey.credentials import LimeSurveyCredentials

BY_PATH = "index.php/admin/remotecontrol"
BY_QUERY = "index.php?r=admin/remotecontrol"


def parsed(**values: str) -> LimeSurveyCredentials:
    """Return the credentials that a person entered."""
    return parse_credentials(LimeSurveyCredentials, {**CREDENTIALS, **values})


@pytest.mark.parametrize(
    ("entered", "url"),
    [
        ("surveys.example.com", f"https://surveys.example.com/{BY_PATH}"),
        ("https://Surveys.Example.com/", f"https://surveys.example.com/{BY_PATH}"),
        ("surveys.example.com:443", f"https://surveys.example.com/{BY_PATH}"),
        ("surveys.example.com:8443/lime", f"https://surveys.example.com:8443/lime/{BY_PATH}"),
        (f"https://a.example.com/lime/{BY_PATH}", f"https://a.example.com/lime/{BY_PATH}"),
        (f"https://a.example.com/lime/{BY_PATH}/", f"https://a.example.com/lime/{BY_PATH}"),
        (f"https://a.example.com/lime/{BY_QUERY}", f"https://a.example.com/lime/{BY_QUERY}"),
        ("https://a.example.com/admin/remotecontrol", f"https://a.example.com/{BY_PATH}"),
        ("https://a.example.com/a/b/admin", f"https://a.example.com/a/b/{BY_PATH}"),
        ("https://a.example.com/x/index.php", f"https://a.example.com/x/{BY_PATH}"),
        (
            "https://a.example.com/index.php/surveyAdministration/view?surveyid=1#top",
            f"https://a.example.com/{BY_PATH}",
        ),
        (
            "https://a.example.com/index.php?r=surveyAdministration/view&surveyid=1",
            f"https://a.example.com/{BY_QUERY}",
        ),
        ("https://a.example.com/index.php/910001?lang=en", f"https://a.example.com/{BY_PATH}"),
    ],
)
def test_any_page_of_limesurvey_is_an_address(entered: str, url: str) -> None:
    """The folder and the form of the address are taken from the page."""
    assert parsed(address=entered).address == url
    assert parsed(address=url).address == url


@pytest.mark.parametrize(
    "entered",
    [
        "",
        "https://",
        "http://surveys.example.com",
        "ftp://surveys.example.com",
        "https://user:secret-of-mine@surveys.example.com",
        "https://surveys.example.com/../etc",
        "https://surveys.example.com/a b",
        "https://surveys.example.com/%2e%2e/x",
        "https://[::1",
        "surveys.example.com:99999",
        "surveys example com",
    ],
)
def test_other_texts_are_refused(entered: str) -> None:
    """The form says what to enter, and repeats no user-info."""
    with pytest.raises(CredentialsInvalid) as failed:
        parsed(address=entered)
    assert failed.value.fields[0].name == "address"
    assert "secret-of-mine" not in str(failed.value)


def test_private_addresses_need_the_operator() -> None:
    """A port, a private network or plain HTTP is refused unless a setting names the address."""
    lime = ReplayServer()
    for address in ("https://surveys.corp", f"https://{HOST}:8443", "http://10.0.0.5/lime"):
        with (
            pytest.raises(DestinationRefused),
            session(lime.answer, {**CREDENTIALS, "address": address}),
        ):
            pass
    assert not lime.calls
    allowed = AllowedDestinations(
        addresses={"limesurvey": [Address.parse("http://10.0.0.5/lime/")]}
    )
    found = parsed(address="http://10.0.0.5/lime")
    (place,) = allowed.resolve([found.destination], account="a", source="limesurvey")
    assert place.address == found.address


@pytest.mark.parametrize("password", ["with spaces in it", "größer & schöner", "ünïcode-🙂-1"])
def test_a_password_may_have_any_character(password: str) -> None:
    """A password is not a token."""
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.read().decode())
        return httpx.Response(
            200,
            json={"id": 1, "result": {"status": "Invalid user name or password"}, "error": None},
        )

    entered = {**CREDENTIALS, "password": password}
    with session(server, entered) as opened, pytest.raises(CredentialRefused):
        opened.surveys()
    assert httpx.Response(200, text=seen[0]).json()["params"] == ["reporting", password]


@pytest.mark.parametrize(
    ("field", "value"),
    [("time_zone", "Vienna"), ("time_zone", "../etc/passwd"), ("user", " "), ("password", " ")],
)
def test_other_fields_are_checked(field: str, value: str) -> None:
    """An unknown time zone, and an empty user or password, are refused."""
    with pytest.raises(CredentialsInvalid) as failed:
        parsed(**{field: value})
    assert [one.name for one in failed.value.fields] == [field]


def test_the_check_suggests_the_other_form_of_the_address() -> None:
    """A server with ``urlFormat`` get answers only at ``?r=``, and the other way round."""
    for by_query, entered in ((True, BY_PATH), (False, BY_QUERY)):
        lime = ReplayServer(by_query=by_query)
        address = f"https://{HOST}/{entered}"
        with session(lime.answer, {**CREDENTIALS, "address": address}) as opened:
            (failed, *_) = [step.problem for step in opened.check() if step.problem]
        assert failed is not None
        assert failed.kind == "unreachable"
        suggestion = failed.fields[0].suggestion
        assert suggestion == f"https://{HOST}/{BY_QUERY if by_query else BY_PATH}"
        assert not any(method == "get_session_key" for method, _ in lime.calls)
        with session(lime.answer, {**CREDENTIALS, "address": suggestion}) as opened:
            assert all(step.status == "passed" for step in opened.check())


def test_the_other_form_is_named_outside_of_the_check() -> None:
    """A call of a connection whose server changed its form says which form to use."""
    error = problem_of(ReplayServer(by_query=True).answer, lambda opened: opened.surveys())
    assert error.kind == "unreachable"
    assert BY_QUERY in error.remedy


def test_without_a_time_zone_a_note_says_so() -> None:
    """The check and each questionnaire name the zone that is used instead."""
    with session(ReplayServer().answer, {**CREDENTIALS, "time_zone": ""}) as opened:
        details = " ".join(step.detail for step in opened.check())
        assert "UTC" in details
        assert any("UTC" in note for note in opened.questions("910001").notes)
