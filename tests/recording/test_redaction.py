"""Redaction of values in the bodies and URLs of recorded exchanges."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from urllib.parse import quote, quote_plus

import pytest

from smaply_metrics_core.testing import Redaction
from smaply_metrics_core.testing.recording.placeholders import SENT, SHORTEST, Placeholders
from smaply_metrics_core.testing.recording.policy import named_paths
from smaply_metrics_core.testing.recording.stored_exchanges import CassetteRecorder
from tests.recording.exchanges import (
    FORM,
    KEY,
    LOGIN,
    PASSWORD,
    Json,
    call,
    exchange,
    policy,
    stored,
)

SIGN_IN = exchange(call("login", "ann", PASSWORD), {"result": KEY, "error": None})


def lower_escapes(text: str) -> str:
    """Return a percent-encoded text with escapes in lower case, as some senders write them."""
    return re.sub("%..", lambda found: found[0].lower(), text)


def encoded(value: Json) -> str:
    """Return a value in JSON in base64."""
    return base64.b64encode(json.dumps(value).encode()).decode()


def decoded(text: str) -> Json:
    """Return a value from JSON in base64."""
    return json.loads(base64.b64decode(text, validate=True))


def test_the_credentials_and_the_key_of_a_login_are_redacted() -> None:
    """A password becomes a constant, a key a numbered placeholder of the same length."""
    [(sent, received)] = stored([SIGN_IN], policy(LOGIN))

    assert sent == {"method": "login", "params": ["ann", SENT]}
    assert received["result"].startswith("redacted1x")
    assert len(received["result"]) == len(KEY)
    assert received["error"] is None


def test_a_refusal_at_the_path_of_the_key_stays_readable() -> None:
    """An object, true, false and null are no key."""
    answers = [{"status": "Invalid user name or password"}, True, None, ""]
    found = stored(
        [exchange(call("login", "a", PASSWORD), {"result": one}) for one in answers], policy(LOGIN)
    )

    assert [received["result"] for _, received in found] == answers


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/rpc", call("list", KEY)),
        ("/rpc", {"deep": [{"er": f"token={KEY}!"}]}),
        ("/rpc", {"text": json.dumps({"key": KEY})}),
        ("/rpc", {"text": json.dumps({"key": KEY}, ensure_ascii=False)}),
        ("/rpc", {"link": f"https://tool.example/x?key={quote(KEY)}"}),
        ("/rpc", {"link": f"/x?key={lower_escapes(quote(KEY, safe=''))}"}),
        ("/rpc", {"code": encoded({"key": KEY})}),
        ("/rpc", {"code": base64.urlsafe_b64encode(f"ann:{KEY}".encode()).decode().rstrip("=")}),
        ("/rpc", {"twice": encoded({"code": encoded([KEY])})}),
        ("/rpc", KEY.encode()),
        (f"/sessions/{quote(KEY, safe='')}/surveys", {}),
        (f"/surveys?key={quote_plus(KEY)}&page=2", {}),
        (f"/surveys?key={quote(KEY, safe='/+')}", {}),
    ],
)
def test_a_key_is_redacted_wherever_it_is_sent_later(target: str, body: Json) -> None:
    """In JSON at any depth, escaped, in base64, in plain text, and in the path and the query."""
    recorder = CassetteRecorder(policy(LOGIN))
    (_, login), (request, response) = recorder.stored(
        [SIGN_IN, exchange(body, body, target=target)]
    )

    placeholder = json.loads(login["body"]["string"])["result"]
    for content in (request.body, response["body"]["string"]):
        assert KEY.encode() not in content
        if target == "/rpc":
            assert placeholder.encode() in deep(content)
    if target != "/rpc":
        assert placeholder in request.uri


def deep(content: bytes) -> bytes:
    """Return a content with the texts in it that are in base64."""
    try:
        found = json.loads(content)
    except ValueError:
        return content
    for text in found.values() if isinstance(found, dict) else ():
        if isinstance(text, str) and " " not in text:
            padded = text + "=" * (-len(text) % 4)
            try:
                content += deep(base64.urlsafe_b64decode(padded))
            except ValueError:
                continue
    return content


def test_a_key_keeps_its_place_in_base64_inside_json() -> None:
    """Base64 keeps its alphabet and is valid; JSON inside of it is only changed at the key."""
    inner = {"key": KEY, "label": "Grüße", "n": 1.5}
    [_, (sent, _)] = stored([SIGN_IN, exchange({"code": encoded(inner)}, {})], policy(LOGIN))

    found = decoded(sent["code"])
    assert (found["label"], found["n"]) == ("Grüße", 1.5)
    assert found["key"].startswith("redacted1x")


def test_base64_without_a_redacted_value_is_not_changed() -> None:
    """Neither JSON in base64, nor a word that is base64 by chance."""
    body = {"code": encoded({"spaces": "stay", "a": [1, 2.0]}), "word": "abcdefghijklmnop"}
    [_, (sent, received)] = stored([SIGN_IN, exchange(body, body)], policy(LOGIN))

    assert sent == received == body


def test_paths_reach_into_lists_wildcards_and_base64() -> None:
    """`result.responses[*].email` names values of rows in base64, each with its own placeholder."""
    addresses = [f"person{n}@somewhere.example" for n in (1, 2, 1)]
    rows = [{"id": n, "email": address} for n, address in enumerate(addresses)]
    [(_, received)] = stored(
        [exchange(call("export"), {"result": encoded({"responses": rows})})],
        policy(Redaction(response=("result.responses[*].email",))),
    )

    found = decoded(received["result"])["responses"]
    assert [one["id"] for one in found] == [0, 1, 2]
    emails: list[str] = [one["email"] for one in found]
    assert emails[0] == emails[2] != emails[1]
    assert [*map(len, emails)] == [*map(len, addresses)]
    assert not any("@" in one for one in emails)


def test_values_of_a_list_are_replaced_elsewhere_as_whole_texts() -> None:
    """A path with a wildcard may name thousands of values, which are not searched in texts."""
    comment = "a comment of a respondent"
    body = {"rows": [{"text": comment}], "same": comment, "longer": f"{comment}!"}
    [(_, received)] = stored([exchange({}, body)], policy(Redaction(response=("rows[*].text",))))

    assert received["same"] == received["rows"][0]["text"] != comment
    assert received["longer"] == body["longer"]


def test_a_short_key_is_redacted_where_paths_name_it() -> None:
    """The request that returns a short key has its placeholder."""
    kept = policy(LOGIN, Redaction("list", request=("params[0]",)))
    login = exchange(call("login", "ann", PASSWORD), {"result": "k-17"})
    [(_, received), (sent, _)] = stored([login, exchange(call("list", "k-17"), {})], kept)

    assert sent["params"] == [received["result"]] != ["k-17"]


@pytest.mark.parametrize("content", [KEY.encode(), json.dumps(KEY).encode()])
def test_a_body_that_is_only_a_key_is_redacted(content: bytes) -> None:
    """`$` is the whole body, as text or as a text in JSON."""
    [(_, received)] = stored(
        [exchange({}, content, received_type="text/plain")], policy(Redaction(response=("$",)))
    )

    assert "redacted1xredacted1x" in str(received)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("0123456789abcdef0123456789abcdef", r"[0-9a-f]{32}"),
        ("0123456789ABCDEF", r"[0-9A-F]{16}"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("98765432109876", r"[0-9]{14}"),
        ("YWJjZGVmZ2hpamtsbW5vcA==", r"[0-9A-Za-z]{22}=="),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", r"[0-9a-z]{12}\.[0-9a-z]{12}\.[0-9a-z]{12}"),
        ("short", r"[0-9a-z]{12}"),
        ("ü" * 40, r"[0-9a-z]{40}"),
    ],
)
def test_a_placeholder_keeps_the_shape(value: str, pattern: str) -> None:
    """Length, hexadecimal, digits, dashes, dots and padding stay; short values get longer."""
    placeholders = Placeholders()
    found = [str(placeholders.issued(one)) for one in (value, value + value, value)]

    assert found[0] == found[2] != found[1]
    assert re.fullmatch(pattern, found[0])


@pytest.mark.parametrize("value", [7, 1234567890123456, 3.5, -4])
def test_numbers_stay_numbers(value: float) -> None:
    """The placeholder of a number is one of the same type."""
    sent, received = stored(
        [exchange(call("login", "a", value), {"result": value + 1})], policy(LOGIN)
    )[0]

    assert type(sent["params"][1]) is type(value)
    assert sent["params"][1] == 0
    assert type(received["result"]) is type(value)
    assert received["result"] not in {value, value + 1}


def test_a_long_number_is_redacted_elsewhere_too() -> None:
    """The number of a session, in JSON as a number or a text, and in a path."""
    number = 73645128374651
    recorder = CassetteRecorder(policy(LOGIN))
    found = recorder.stored(
        [
            exchange(call("login", "a", PASSWORD), {"result": number}),
            exchange({"session": number, "text": str(number)}, {}, target=f"/sessions/{number}"),
        ]
    )

    placeholder = json.loads(found[0][1]["body"]["string"])["result"]
    request = found[1][0]
    assert json.loads(request.body) == {"session": placeholder, "text": str(placeholder)}
    assert request.uri == f"/sessions/{placeholder}"


def test_a_short_value_is_replaced_only_where_a_path_names_it() -> None:
    """A password “a” must not replace every “a” of a survey."""
    body = {"title": "a visit at a shop", "a": "a"}
    found = stored([exchange(call("login", "a", "a"), body)], policy(LOGIN))

    assert found == [({"method": "login", "params": ["a", SENT]}, body)]
    assert SHORTEST == 12  # As docs/testing.md demands of the secrets of a contract class.


def test_values_in_a_form_are_redacted() -> None:
    """Fields of a form by name; the others keep their encoding."""
    form = f"grant_type=client_credentials&client_secret={quote_plus(PASSWORD)}&scope=a+b%20c"
    [(sent, received)] = stored(
        [
            exchange(
                form.encode(),
                {"access_token": KEY, "expires_in": 3600},
                target="/oauth/token",
                sent_type=f"{FORM}; charset=utf-8",
            )
        ],
        policy(Redaction("/oauth/token", request=("client_secret",), response=("access_token",))),
    )

    assert sent == b"grant_type=client_credentials&client_secret=redacted&scope=a+b%20c"
    assert received["access_token"].startswith("redacted1x")
    assert received["expires_in"] == 3600


def test_a_parameter_of_the_query_is_redacted() -> None:
    """`?key` is the parameter, not the field of the same name."""
    recorder = CassetteRecorder(policy(Redaction("/surveys", request=("?key",))))
    [(request, _)] = recorder.stored(
        [exchange({"key": "stays"}, {}, target="/surveys?page=2&key=s%C3%BCss")]
    )

    assert request.uri == "/surveys?page=2&key=redacted"
    assert json.loads(request.body) == {"key": "stays"}


def test_a_redaction_is_restricted_to_its_operation() -> None:
    """Another method with the same parameters is not a login."""
    [(sent, received)] = stored([exchange(call("list", "x", "y"), {"result": KEY})], policy(LOGIN))

    assert sent["params"] == ["x", "y"]
    assert received["result"] == KEY


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)],
)
def test_compressed_bodies_are_stored_decompressed(encoding: str, compress: object) -> None:
    """A key in a compressed body is redacted, and the allow-list of fields applies."""
    assert callable(compress)
    headers = {"content-encoding": encoding}
    content = compress(json.dumps({"result": KEY, "cookie": "x"}).encode())
    login = exchange(
        compress(json.dumps(call("login", "a", PASSWORD)).encode()),
        content,
        sent_headers=headers,
        received_headers=headers,
    )

    [(sent, received)] = stored([login], policy(LOGIN, fields=("method", "params", "result")))

    assert sent["params"] == ["a", SENT]
    assert list(received) == ["result"]
    assert received["result"].startswith("redacted1x")


def test_a_field_that_occurs_twice_is_stored_once() -> None:
    """The first of two equal names could hide a value from redaction."""
    twice = b'{"params":["a","first secret"],"method":"login","params":["a","second secret"]}'
    [(sent, _)] = stored([exchange(twice, {"result": KEY})], policy(LOGIN))

    assert sent == {"params": ["a", SENT], "method": "login"}


def test_a_body_that_is_no_text_is_not_changed() -> None:
    """A binary body is stored as it is; the scan of the cassette rejects a secret in it."""
    binary = b"\xff\xfe\x00" + KEY.encode("utf-16")
    [_, (_, received)] = stored(
        [SIGN_IN, exchange({}, binary, received_type="application/zip")], policy(LOGIN)
    )

    assert received == binary


def test_half_a_surrogate_pair_can_be_stored() -> None:
    """JSON may escape what no encoding can express."""
    [(_, received)] = stored([exchange({}, b'{"text":"\\ud800"}')], policy())

    assert received == {"text": "\ud800"}


def test_a_path_that_named_nothing_is_known() -> None:
    """`matched` contains only paths that named a text or a number."""
    kept = policy(LOGIN, Redaction(response=("token", "result.key")))
    recorder = CassetteRecorder(kept)
    recorder.stored([SIGN_IN])

    paths = [path for one in kept.redactions for path in named_paths(one)]
    unmatched = [path for path in paths if path not in recorder.redaction.matched]
    assert [str(path) for path in unmatched] == [
        "`token` in the response",
        "`result.key` in the response",
    ]
    assert str(paths[0]) == "`params[1]` in the request of “login”"


def test_a_value_is_redacted_before_its_login_too() -> None:
    """A key that was sent earlier, such as one of a device, has the same placeholder."""
    found = stored([exchange({"device": KEY}, {}), SIGN_IN], policy(LOGIN))

    assert found[0][0]["device"] == found[1][1]["result"]


def test_two_sessions_have_two_placeholders() -> None:
    """Each request shows which session it used."""
    other = KEY[::-1]
    found = stored(
        [
            SIGN_IN,
            exchange(call("login", "bob", PASSWORD), {"result": other}),
            exchange(call("list", other), {}),
            exchange(call("list", KEY), {}),
        ],
        policy(LOGIN),
    )

    first, second = (found[n][1]["result"] for n in (0, 1))
    assert first != second
    assert [found[n][0]["params"] for n in (2, 3)] == [[second], [first]]


def test_fields_of_forms_must_be_allowed() -> None:
    """A form that is sent has an allow-list, as JSON has; the message names the field."""
    login = exchange(b"user=ann&otp=1", {}, sent_type=FORM)
    with pytest.raises(AssertionError, match=r"the field otp in its body(.|\n)*Fix: add it"):
        stored([login], policy(fields=("user",)))
    with pytest.raises(AssertionError, match="the field params"):
        stored([SIGN_IN], policy(LOGIN, fields=("method",)))
