"""The scan of cassettes for secrets, keys and personal data."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from vcr.persisters.filesystem import FilesystemPersister
from vcr.serializers import yamlserializer

from smaply_metrics_core.testing import Redaction, find_sensitive_data
from smaply_metrics_core.testing.recording import inflation
from smaply_metrics_core.testing.recording.login_answers import has_key
from tests.recording.exchanges import KEY, call, exchange, policy

SECRET = "Grüße an  Zoë"  # Made up.
EMAIL = "zoe.example@somewhere.example"

Json = Any


@pytest.fixture
def found_in(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """What is found in a cassette with the given exchanges."""

    def find(*exchanges: Json, **options: Json) -> tuple[str, ...]:
        path = tmp_path / "a.yaml"
        cassette = {
            "requests": [request for request, _ in exchanges],
            "responses": [response for _, response in exchanges],
        }
        FilesystemPersister.save_cassette(path, cassette, serializer=yamlserializer)
        return find_sensitive_data(path, [SECRET], **options)

    return find


def coded(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()


def escaped(character: str) -> str:
    """Return a character as JSON may escape it."""
    return f"\\u{ord(character):04x}"


def zipped(content: str) -> bytes:
    """Return a ZIP file with one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.csv", content)
    return packed.getvalue()


@pytest.mark.parametrize("text", [SECRET, EMAIL])
@pytest.mark.parametrize(
    "hide",
    [
        lambda text: {"text": text},
        lambda text: json.dumps({"text": text}).encode(),
        lambda text: {"text": json.dumps({"text": text})},
        lambda text: {"text": coded(f"before {text} after")},
        lambda text: {"text": coded(json.dumps({"rows": [{"text": text}]}))},
        lambda text: {"text": coded(json.dumps({"text": coded(f"x: {text}")}))},
        lambda text: {
            "text": base64.urlsafe_b64encode(f"??>>{text}".encode()).decode().rstrip("=")
        },
        lambda text: {"text": base64.encodebytes((f"{'long ' * 40}{text}").encode()).decode()},
        lambda text: {"text": base64.b64encode(gzip.compress(text.encode())).decode()},
        lambda text: {"text": base64.b64encode(zipped(text)).decode()},
        lambda text: {"text": quote(quote(text))},
        lambda text: {"text": text.replace("e", "&#101;")},
        lambda text: b'{"text":"' + "".join(map(escaped, text)).encode() + b'"}',
        lambda text: gzip.compress(text.encode()),
        lambda text: gzip.compress(b"first member") + gzip.compress(text.encode()),
        lambda text: gzip.compress(text.encode()) + b"trailing",
        zipped,
        lambda text: {"text": ("word " * 30) + text},
    ],
    ids=[
        *("json", "escaped", "json in json", "base64", "json in base64", "base64 in base64"),
        *("url-safe base64", "lines of base64", "gzip in base64", "zip in base64", "percent"),
        *("entities", "all escaped", "gzip", "gzip members", "gzip and more", "zip", "folded line"),
    ],
)
def test_encoded_data_is_found(
    found_in: Callable[..., tuple[str, ...]], hide: Callable[[str], Json], text: str
) -> None:
    """A secret and an e-mail address are found in every encoding, in requests and responses."""
    expected = "a secret" if text == SECRET else "the e-mail address "
    for one in (exchange(hide(text), {}), exchange({}, hide(text))):
        (found,) = found_in(one)
        assert found.startswith(expected)


def test_harmless_data_is_not_found(found_in: Callable[..., tuple[str, ...]]) -> None:
    """Labels, ids, dates and base64 without personal data."""
    body = {
        "sid": 910001,
        "surveyls_title": "Shop visits (NPS & more)",
        "date": "2026-10-26 23:35:45",
        "rows": coded(json.dumps({"responses": [{"id": 1, "nps": 9, "text": "very good"}]})),
        "identifier": "SomeQuestionnaireWithALongName",
    }
    assert found_in(exchange(body, body)) == ()


LOGIN = policy(Redaction("login", request=("params[1]",), response=("result",)))


@pytest.mark.parametrize(
    ("answer", "paths"),
    [
        ({"result": "redacted1xredacted1xredacted1x"}, []),
        ({"result": {"status": "Invalid user name or password"}}, []),
        ({"result": "redacted1xredacted1x", "expires": "2026-10-26T23:35:45Z", "user": 17}, []),
        ({"result": "redacted1xredacted1x", "refresh": KEY}, ["refresh"]),
        ({"result": {"deep": [{"key": KEY}]}}, ["result.deep[0].key"]),
        ({"code": coded(json.dumps({"key": KEY}))}, ["code.key"]),
        ({"link": "https://tool.example/?s=8f14e45fceea167a5a36dedd4bea2543"}, ["link"]),
    ],
)
def test_a_key_in_the_answer_to_a_login_is_found(
    found_in: Callable[..., tuple[str, ...]], answer: Json, paths: list[str]
) -> None:
    """Values that look random, except placeholders, with their paths; elsewhere none is."""
    expected = tuple(
        f"what looks like a key at `{path}` in the answer to a login" for path in paths
    )
    login = exchange(call("login", "ann", "redacted"), answer)
    assert found_in(login, policy=LOGIN) == expected
    assert found_in(exchange(call("list", "ann", "x"), answer), policy=LOGIN) == ()


def test_a_login_is_named_by_the_fact_too(found_in: Callable[..., tuple[str, ...]]) -> None:
    """`sign_in` names logins of which no path redacts anything."""
    login = exchange({}, {"key": KEY}, target="/v1/log%20in")
    assert found_in(login, sign_in="/log in") == (
        "what looks like a key at `key` in the answer to a login",
    )


@pytest.mark.parametrize(
    "text",
    [
        "8f14e45fceea167a5a36dedd4bea2543",
        "k3yOfTheSession+Q7xTn2Vb9",
        "qUxTnwVbfLrZuwGhKsXpMdEaYcJo",
        "token: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ],
)
def test_keys_look_random(text: str) -> None:
    """Hexadecimal, letters and digits, letters alone, and a UUID in a text."""
    assert has_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "Invalid user name or password",
        "InvalidCredentialsException",
        "2026-10-26T23:35:45.123456+02:00",
        "application/x-www-form-urlencoded",
        "read:surveys read:responses",
        "00000000-0000-0000-0000-000000000001",
        "short-key-1",
    ],
)
def test_words_do_not_look_random(text: str) -> None:
    """Sentences, names of errors, dates, media types, scopes and placeholders."""
    assert not has_key(text)


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decompression stops at a limit, as that of ZIP files does."""
    monkeypatch.setattr(inflation, "MOST_BYTES", 1_000)
    assert inflation.inflate(gzip.compress(b"a" * 1_000)) == b"a" * 1_000
    with pytest.raises(AssertionError, match="more than 256 MiB"):
        inflation.inflate(gzip.compress(b"a" * 600) * 2)
