"""Tests of which hosts and tokens are accepted, and of the suggestions for other input."""

from __future__ import annotations

import pytest

from plugins.qualtrics.tests.connector.support import TOKEN
from smaply_metrics_core import CredentialsInvalid, credential_fields, parse_credentials
from smaply_metrics_qualtrics.credentials import SANDBOX_SETTING, QualtricsCredentials


def parse(base_url: str, token: str = TOKEN) -> QualtricsCredentials:
    """Parse the values of the credentials form."""
    return parse_credentials(QualtricsCredentials, {"api_token": token, "base_url": base_url})


@pytest.mark.parametrize(
    ("entered", "host"),
    [
        ("iad1.qualtrics.com", "iad1.qualtrics.com"),
        ("  IAD1.Qualtrics.COM\n", "iad1.qualtrics.com"),
        ("brand.fra1.qualtrics.com", "brand.fra1.qualtrics.com"),
        ("my-brand.qualtrics.com", "my-brand.qualtrics.com"),
    ],
)
def test_a_host_is_trimmed_and_lower_cased(entered: str, host: str) -> None:
    """A Qualtrics host is accepted in any case and with surrounding white space."""
    credentials = parse(entered)
    assert credentials.base_url == host
    assert credentials.api_url == f"https://{host}/API/v3"
    assert credentials.destination.host == host
    assert credentials.destination.setting == ""


@pytest.mark.parametrize(
    ("entered", "host"),
    [
        ("https://iad1.qualtrics.com/", "iad1.qualtrics.com"),
        ("https://brand.iad1.qualtrics.com/jfe/form/SV_1?a=b#c", "brand.iad1.qualtrics.com"),
        ("HTTPS://IAD1.QUALTRICS.COM", "iad1.qualtrics.com"),
        ("http://iad1.qualtrics.com", "iad1.qualtrics.com"),
        ("iad1.qualtrics.com/API/v3", "iad1.qualtrics.com"),
        ("iad1.qualtrics.com:443", "iad1.qualtrics.com"),
        ("iad1.qualtrics.com.", "iad1.qualtrics.com"),
        ("user:word@iad1.qualtrics.com", "iad1.qualtrics.com"),
        ("https://evil.example@iad1.qualtrics.com/", "iad1.qualtrics.com"),
        ("iad1", "iad1.qualtrics.com"),
    ],
)
def test_a_url_is_rejected_with_a_suggestion(entered: str, host: str) -> None:
    """A scheme, path, port or user-info is rejected, and the host name is suggested."""
    with pytest.raises(CredentialsInvalid) as refused:
        parse(entered)
    (problem,) = refused.value.fields
    assert problem.name == "base_url"
    assert problem.suggestion == host
    assert refused.value.remedy == f"Use `{host}`."


@pytest.mark.parametrize(
    "entered",
    [
        "",
        "qualtrics.com",
        "a.b.c.qualtrics.com",
        "iad1.qualtrics.com.evil.example",
        "iad1.qualtrics.com@evil.example",
        "https://evil.example/iad1.qualtrics.com",
        "evilqualtrics.com",
        "iad1 .qualtrics.com",
        "ıad1.qualtrics.com",  # noqa: RUF001  # A dotless i.
        "-iad1.qualtrics.com",
        f"{'a' * 64}.qualtrics.com",
        "127.0.0.1:8001",
        "localhost:8001",
        "[::1",
        "http://[not-an-address]/",
    ],
)
def test_another_host_is_rejected_without_a_suggestion(entered: str) -> None:
    """The message gives an example of a Qualtrics host."""
    with pytest.raises(CredentialsInvalid) as refused:
        parse(entered)
    (problem,) = refused.value.fields
    assert problem.suggestion is None
    assert "iad1.qualtrics.com" in problem.message


def test_a_token_in_the_host_field_is_not_repeated() -> None:
    """A message contains input only if it is a Qualtrics host."""
    with pytest.raises(CredentialsInvalid) as refused:
        parse(TOKEN)
    assert TOKEN not in str(refused.value) + repr(refused.value.fields)


@pytest.mark.parametrize("setting", ["127.0.0.1:8001", "[::1]:8001"])
def test_the_setting_allows_http_to_the_sandbox(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting allows one loopback address and port over plain HTTP."""
    monkeypatch.setenv(SANDBOX_SETTING, setting)
    credentials = parse(setting)
    assert credentials.api_url == f"http://{setting}/API/v3"
    assert credentials.destination.setting == SANDBOX_SETTING
    with pytest.raises(CredentialsInvalid) as refused:
        parse(f"http://{setting}/")
    assert refused.value.fields[0].suggestion == setting


@pytest.mark.parametrize(
    "setting",
    ["", "10.0.0.1:8001", "localhost:8001", "127.0.0.1", "evil.example:80", "127.0.0.1:0"],
)
def test_the_setting_allows_only_a_loopback_address(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other value of the setting has no effect."""
    monkeypatch.setenv(SANDBOX_SETTING, setting)
    with pytest.raises(CredentialsInvalid):
        parse(setting)
    with pytest.raises(CredentialsInvalid):
        parse("127.0.0.1:8001")


@pytest.mark.parametrize("token", ["a b", "a\nb", "tökén", ""])
def test_an_invalid_token_is_rejected(token: str) -> None:
    """White space inside a token and letters outside of ASCII are not valid."""
    with pytest.raises(CredentialsInvalid) as refused:
        parse("iad1.qualtrics.com", token)
    assert refused.value.fields[0].name == "api_token"


def test_the_form_has_a_token_and_a_host() -> None:
    """The labels match Qualtrics, the token is secret, and it can be changed separately."""
    token, host = credential_fields(QualtricsCredentials)
    assert (token.label, token.secret, token.harmless) == ("API token", True, True)
    assert (host.label, host.secret, host.harmless) == ("Base URL", False, False)
    assert "Qualtrics IDs" in token.help
