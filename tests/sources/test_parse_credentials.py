"""Credentials are validated by the source's model, in isolation."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr, model_validator

from smaply_metrics_core.errors import (
    CredentialsInvalid,
    PluginError,
)
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.credentials import (
    Credentials,
    Password,
    Token,
    parse_credentials,
)
from smaply_metrics_core.models.source import SourceDescription

from .conftest import TOKEN, Acme, AcmeCredentials, Gets, error_in


def test_a_form_is_validated_with_the_model(get: Gets) -> None:
    """The values of a form become credentials, or a problem for each invalid field."""
    source = get(Acme())

    parsed = source.parse({"api_token": f" {TOKEN}\n", "host": "api.acme.com"})

    assert isinstance(parsed, AcmeCredentials)
    assert parsed.api_token.get_secret_value() == TOKEN
    with pytest.raises(CredentialsInvalid) as caught:
        source.parse({"api_token": "two words", "color": "red"})
    assert {field.name for field in caught.value.fields} == {"api_token", "color"}


def spoilt_model(check: Callable[[Any], Any]) -> type[Credentials]:
    """Return a credentials model with a custom validator."""

    class Spoilt(Credentials):
        api_token: Token = SecretStr("")

        @model_validator(mode="wrap")
        @classmethod
        def _check(cls, data: Any, handler: Any) -> Any:  # noqa: ANN401  # As pydantic has it.
            return check(data)

    return Spoilt


def leak(data: dict[str, str]) -> None:
    """Raise an error that repeats the token."""
    raise ValueError(f"bad token {data['api_token']}")


def exit_process(_: object) -> None:
    """Raise SystemExit."""
    raise SystemExit


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (leak, "bad token ••••"),
        (exit_process, "SystemExit"),
        (lambda data: data["no such field"], "KeyError"),
        (lambda data: None, "returned NoneType"),
    ],
)
def test_a_model_that_fails_is_a_plugin_error(
    get: Gets, check: Callable[[Any], Any], said: str
) -> None:
    """A credentials model runs code of the source and is isolated like a hook."""
    model = spoilt_model(check)

    class Spoilt(Acme):
        @hookimpl
        def describe_source(self) -> SourceDescription:
            return super().describe_source().model_copy(update={"credentials": model})

    error = error_in(lambda: get(Spoilt()).parse({"api_token": TOKEN}))

    assert type(error) is (CredentialsInvalid if check is leak else PluginError)
    assert said in error.message
    assert TOKEN not in repr(pickle.dumps(error))


@pytest.mark.parametrize(
    "password", ["two words", " spaces around ", "pässwörd", "密码", "a:b@c/d"]
)
def test_a_password_is_kept_as_it_is(password: str) -> None:
    """Spaces and letters of any alphabet are part of a password; a token is trimmed."""

    class LoginCredentials(Credentials):
        user: str
        password: Password

    for given in (password, SecretStr(password)):
        found = parse_credentials(LoginCredentials, {"user": " me ", "password": given})
        assert (found.user, found.password.get_secret_value()) == ("me", password)
    pasted = parse_credentials(LoginCredentials, {"user": "me", "password": f"{password}\n"})
    assert pasted.password.get_secret_value() == password


@pytest.mark.parametrize("password", ["", " ", "two\nlines", "a\tb", "\0"])
def test_a_password_is_one_line_of_text(password: str) -> None:
    """The message repeats nothing of it."""

    class LineCredentials(Credentials):
        password: Password

    with pytest.raises(CredentialsInvalid) as caught:
        parse_credentials(LineCredentials, {"password": password})
    assert "lines" not in str(caught.value)
