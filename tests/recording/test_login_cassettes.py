"""Cassettes of exchanges with a login: recorded, and replayed with other credentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core import Deadline, Destination, SourceContext
from smaply_metrics_core.http import build_client, client_credentials, read_json
from smaply_metrics_core.testing import ManualClock, RecordingPolicy, Redaction
from smaply_metrics_core.testing.recording.cassettes import CassetteSession, playing, recording
from tests.recording.exchanges import Server, answer_offline, policy

PASSWORD = "Grüße an  Zoë & Co."  # Made up, like all secrets here.
OTHER = "kürzer"
POLICY = policy(
    Redaction('"login"', request=("password",), response=("key",)),
    fields=("method", "user", "password", "key", "error", "surveys"),
)
OAUTH = policy(
    Redaction("/token", request=("client_secret",), response=("access_token",)),
    fields=("grant_type", "client_id", "client_secret", "access_token", "token_type", "surveys"),
)

Work = Callable[[CassetteSession, str], Any]


class Tool:
    """An invented tool: a login by body, keys in the body, and a session that may end."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.released: list[str] = []
        self.lists = 0
        self.ends_at = 0
        self._numbers = count(1)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as the tool does: with HTTP 200, whatever happens."""
        sent = json.loads(request.read())
        match sent["method"]:
            case "login" if sent["password"] != PASSWORD:
                return httpx.Response(200, json={"error": "wrong password"})
            case "login":
                key = f"k3yN{next(self._numbers)}-Q7xTn2Vb9LrZ4w8KfM"
                self.open.add(key)
                return httpx.Response(200, json={"key": key})
            case "logout":
                self.released.append(sent["key"])
                return httpx.Response(200, json={"error": None})
        self.lists += 1
        if self.lists == self.ends_at:
            self.open.clear()
        if sent["key"] not in self.open:
            return httpx.Response(200, json={"error": "session ended"})
        return httpx.Response(200, json={"surveys": [sent["user"]]})


class Client:
    """What a source does, with a session that is renewed once."""

    def __init__(self, session: CassetteSession, password: str) -> None:
        self._http = httpx.Client(
            transport=session.transport(), base_url="https://tool.example/rpc"
        )
        self._password = password

    def login(self) -> str:
        """Return a session key."""
        key = self.post(method="login", user="ann", password=self._password)["key"]
        assert isinstance(key, str)
        return key

    def post(self, **body: str) -> dict[str, Any]:
        """Return the answer to a call."""
        found: dict[str, Any] = self._http.post("", json=body).json()
        return found

    def surveys(self, key: str) -> object:
        """Return the list, after another login if the session has ended."""
        answer = self.post(method="list", user="ann", key=key)
        if "error" in answer:
            key = self.login()
            answer = self.post(method="list", user="ann", key=key)
        self.post(method="logout", user="ann", key=key)
        return answer["surveys"]


def one_call(session: CassetteSession, password: str) -> object:
    """Sign in, list, sign out."""
    client = Client(session, password)
    return client.surveys(client.login())


def two_sessions(session: CassetteSession, password: str) -> object:
    """Use two sessions alternately."""
    client = Client(session, password)
    first, second = client.login(), client.login()
    return [client.surveys(second), client.surveys(first)]


class Recording:
    """Records what a function requests from a server without a network.

    Attributes:
        path: The cassette.
    """

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self._monkeypatch = monkeypatch

    def __call__(
        self,
        server: Server,
        work: Work,
        kept: RecordingPolicy = POLICY,
        secrets: Collection[str] = (PASSWORD,),
    ) -> object:
        """Record, and return the value of the function."""
        with self._monkeypatch.context() as patched:
            answer_offline(patched, server)
            with recording(self.path, kept, secrets, {}) as session:
                return work(session, PASSWORD)

    @property
    def text(self) -> str:
        """The text of the cassette."""
        return self.path.read_text(encoding="utf-8")


@pytest.fixture
def tool() -> Tool:
    """The tool."""
    return Tool()


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """A cassette to record."""
    return Recording(tmp_path / "surveys.yaml", monkeypatch)


@pytest.mark.parametrize("work", [one_call, two_sessions])
@pytest.mark.parametrize("password", [PASSWORD, OTHER, "", "redacted"])
def test_a_login_is_replayed_with_any_password(
    tool: Tool, recorded: Recording, work: Work, password: str
) -> None:
    """Neither the password nor the keys are stored, and the replay needs neither."""
    found = recorded(tool, work)

    assert PASSWORD not in recorded.text
    assert "k3yN" not in recorded.text
    with playing(recorded.path, POLICY) as session:
        if password:
            assert work(session, password) == found
        else:  # An empty password is no value, so it is another request.
            with pytest.raises(LookupError):
                work(session, password)
            session.unmatched.clear()
            assert work(session, PASSWORD) == found


def test_a_login_in_between_is_replayed(tool: Tool, recorded: Recording) -> None:
    """The answers of two equal logins are played in order, with a key each."""
    tool.ends_at = 1
    found = recorded(tool, one_call)

    assert len(set(tool.released)) == 1
    assert recorded.text.count("redacted2x") > 2
    with playing(recorded.path, POLICY) as session:
        assert one_call(session, OTHER) == found


def test_a_key_of_another_session_does_not_match(tool: Tool, recorded: Recording) -> None:
    """A request with a key that the cassette did not issue has no response."""
    recorded(tool, one_call)

    with pytest.raises(AssertionError, match=r"no \(further\) response for POST /rpc") as failure:  # noqa: SIM117
        with playing(recorded.path, POLICY) as session:
            Client(session, OTHER).surveys("the-key-of-another-session")
    assert '"method":"list"' in str(failure.value)  # Tells requests with one URL apart.


def test_no_message_repeats_a_secret(tool: Tool, recorded: Recording) -> None:
    """A request without a response is named without its credentials, named by a path or not."""
    recorded(tool, one_call)

    body = {"method": "login", "user": "a secret name", "password": "another secret"}
    with pytest.raises(AssertionError) as failure:  # noqa: SIM117
        with playing(recorded.path, POLICY, ["a secret name"]) as session:
            Client(session, "").post(**body)
    assert "POST /rpc" in str(failure.value)
    assert "secret name" not in str(failure.value)
    assert "another" not in str(failure.value)


def test_a_path_that_is_missing_leaves_no_cassette(tool: Tool, recorded: Recording) -> None:
    """A recording with a secret or a key that no path redacts is deleted."""
    mistyped = policy(Redaction('"login"', request=("password",), response=("keys",)))
    with pytest.raises(AssertionError, match="looks like a key at `key` in the answer to a login"):
        recorded(tool, one_call, mistyped)
    with pytest.raises(AssertionError, match="contained a secret"):
        recorded(tool, one_call, policy())
    assert not recorded.path.exists()


def test_a_secret_that_the_tool_issues_is_searched_for(tool: Tool, recorded: Recording) -> None:
    """A key that is known only during the recording must not be stored either."""
    secrets: set[str] = set()

    def work(session: CassetteSession, password: str) -> object:
        client = Client(session, password)
        key = client.login()
        secrets.add(key)  # As `context.add_secret` does.
        return client.surveys(key)

    kept = policy(Redaction('"login"', request=("password",)))
    with pytest.raises(AssertionError, match="contained a secret"):
        recorded(tool, work, kept, secrets)


class OAuthTool:
    """A token endpoint, and a list that needs the token."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Issue a token to the client, and answer with it."""
        if request.url.path == "/token":
            assert b"client_secret=the-secret+of+the+client" in request.read()
            token = {"access_token": "t0kenQ7xTn2Vb9LrZ4w8KfM", "token_type": "bearer"}
            return httpx.Response(200, json=token)
        if request.headers["authorization"] != "Bearer t0kenQ7xTn2Vb9LrZ4w8KfM":
            return httpx.Response(401, json={})
        return httpx.Response(200, json={"surveys": ["S1"]})


def test_a_token_of_client_credentials_is_recorded(
    recorded: Recording, frozen_clock: ManualClock, tmp_path: Path
) -> None:
    """The exchange for a token is replayed with another client secret."""

    def work(session: CassetteSession, secret: str) -> object:
        deadline = Deadline.after(600, frozen_clock)
        destination = Destination(kind="host", host="tool.example")
        client = build_client(
            [destination], deadline=deadline, clock=frozen_clock, transport=session.transport()
        )
        context = SourceContext(client, deadline, (destination,), tmp_path, frozen_clock)
        auth = client_credentials(
            context,
            "https://tool.example/token",
            client_id="the-client",
            client_secret=SecretStr("the-secret of the client" if secret == PASSWORD else secret),
            in_body=True,
        )
        answers = [context.http.get("/surveys", auth=auth) for _ in range(2)]
        return [read_json(one) for one in answers]

    found = recorded(OAuthTool(), work, OAUTH, ["the-secret of the client"])

    assert "t0ken" not in recorded.text
    with playing(recorded.path, OAUTH) as session:
        assert work(session, "other") == found == [{"surveys": ["S1"]}] * 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("redacted1x", "redacted2x"),
        lambda text: text.replace("content_hash: sha256:", "content_hash: "),
        lambda text: text.partition("interactions:")[1] + text.partition("interactions:")[2],
        lambda text: "about: [" + text,
        lambda text: "a text\n" + text.partition("\n")[2],
        lambda text: "",
        lambda text: "\0" + text,
    ],
    ids=["body", "hash", "no head", "no yaml", "a text", "empty", "binary"],
)
def test_an_edited_cassette_is_rejected(
    tool: Tool,
    recorded: Recording,
    edit: Callable[[str], str],
) -> None:
    """A change of the body or the head, also to something that is no YAML."""
    recorded(tool, one_call)
    recorded.path.write_text(edit(recorded.text), encoding="utf-8")

    with pytest.raises(AssertionError, match="was changed after it was recorded"):  # noqa: SIM117
        with playing(recorded.path, POLICY):
            pass
