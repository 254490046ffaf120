"""``connection``: entering secrets, rejected credentials, and the output."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import typer

from smaply_metrics_core.cli import credential_input
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, TOKEN, Command

MASKED = "••••••••0001"


def connecting(host: str) -> tuple[str, ...]:
    """Return the command line that connects to a host, with the token on standard input."""
    return (
        "connection",
        "add",
        "qualtrics",
        "--set",
        f"base_url={host}",
        "--secret-stdin",
        "api_token",
    )


@pytest.fixture
def untouched(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox, reset after a test that changes its account."""
    yield sandbox
    sandbox.state.set_token(TOKEN)
    sandbox.state.set_account(deactivated=False, api_access=True)
    sandbox.state.clear_faults()


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> list[str]:
    """Answer prompts as a user at a terminal; returns the labels of prompts with hidden input."""
    hidden: list[str] = []

    def answer(label: str, *, hide_input: bool, **_: object) -> str:
        if hide_input:
            hidden.append(label)
        return answers.get(label, "")

    monkeypatch.setattr(credential_input, "at_a_terminal", lambda: True)
    monkeypatch.setattr(typer, "prompt", answer)
    return hidden


def test_the_json_of_a_new_connection(new: Command, sandbox: SandboxServer) -> None:
    """The JSON has ID, source, status, masked fields and the steps of the check."""
    made = new.connect(sandbox.host)

    assert made["id"].startswith("con_")
    assert (made["source"], made["status"], made["problem"]) == ("qualtrics", "connected", None)
    assert {field["name"]: field["value"] for field in made["fields"]} == {
        "api_token": MASKED,
        "base_url": sandbox.host,
    }
    assert [step["status"] for step in made["steps"]] == ["passed"] * 4


def test_the_text_output_of_a_new_connection(new: Command, sandbox: SandboxServer) -> None:
    """The text has each step of the check, the masked fields and the next command."""
    ended = new(*connecting(sandbox.host), stdin=f"  {TOKEN}  \r\n")

    assert ended.code == 0
    assert ended.out.count("✓") == 4
    assert "connected" in ended.out
    assert MASKED in ended.out
    assert "smaply-metrics survey list qualtrics" in ended.out
    assert TOKEN not in ended.out + ended.err


def test_a_secret_may_come_from_the_environment(new: Command, sandbox: SandboxServer) -> None:
    """SMAPLY_METRICS_SECRET_<FIELD> sets a secret."""
    ended = new(
        *("connection", "add", "qualtrics", "--set", f"base_url={sandbox.host}", "--json"),
        environment={"SMAPLY_METRICS_SECRET_API_TOKEN": TOKEN},
    )

    assert ended.json["status"] == "connected"


def test_missing_fields_are_prompted_for(
    new: Command, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal prompts for every missing field; the input of secrets is hidden."""
    answers = {"API token": TOKEN, "Base URL": sandbox.host}
    hidden = at_a_terminal(monkeypatch, answers)

    ended = new("connection", "add", "qualtrics", "--json")

    assert ended.json["status"] == "connected"
    assert hidden == ["API token"]
    assert "Datacenter ID" in ended.err


def test_a_missing_secret_is_wrong_usage_without_a_terminal(
    new: Command, sandbox: SandboxServer
) -> None:
    """Without a terminal a missing secret is wrong usage, and the remedy lists all inputs."""
    ended = new("connection", "add", "qualtrics", "--set", f"base_url={sandbox.host}", "--json")

    assert ended.code == 2
    assert "API token (api_token) is missing" in ended.error["message"]
    for way in ("--secret-stdin api_token", "SMAPLY_METRICS_SECRET_API_TOKEN", "terminal"):
        assert way in ended.error["remedy"]


def test_a_missing_plain_field_is_reported(new: Command) -> None:
    """Without a terminal a missing plain field is reported by its name."""
    ended = new(
        "connection", "add", "qualtrics", "--secret-stdin", "api_token", "--json", stdin=TOKEN
    )

    assert ended.code == 1
    assert ended.error["kind"] == "credentials_invalid"
    assert [field["name"] for field in ended.error["fields"]] == ["base_url"]


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        ("", "empty"),
        ("two\nlines\n", "line break"),
        (f"{TOKEN} {TOKEN}", "line break"),
        ("tökentökentökentökentökentökentökentöken", "characters"),
    ],
)
def test_an_impossible_token_is_rejected(
    new: Command, sandbox: SandboxServer, stdin: str, reason: str
) -> None:
    """All of standard input is the token; an impossible one is rejected without a request."""
    sandbox.state.clear_log()

    ended = new(*connecting(sandbox.host), "--json", stdin=stdin)

    assert ended.code == 1
    assert ended.error["kind"] == "credentials_invalid"
    (field,) = ended.error["fields"]
    assert field["name"] == "api_token"
    assert reason in field["message"]
    assert sandbox.state.calls() == []


@pytest.mark.parametrize("stdin", [b"\xff\xfe\x00", b"x" * 70_000])
def test_binary_or_long_standard_input_is_wrong_usage(
    new: Command, sandbox: SandboxServer, stdin: bytes
) -> None:
    """Binary or very long input is not read as a token."""
    ended = new(*connecting(sandbox.host), "--json", stdin=stdin)

    assert ended.code == 2
    assert ended.error["message"].startswith("Standard input is")


def test_the_right_host_is_suggested(new: Command) -> None:
    """A URL instead of a host is rejected with the host to use."""
    ended = new(*connecting("https://iad1.qualtrics.com/Q/MyProjects"), "--json", stdin=TOKEN)

    assert ended.code == 1
    assert ended.error["issue"] is None
    assert ended.error["fields"] == [
        {
            "name": "base_url",
            "message": "Enter only the host name: iad1.qualtrics.com.",
            "suggestion": "iad1.qualtrics.com",
        }
    ]


def test_a_rejected_token_is_not_stored(new: Command, sandbox: SandboxServer) -> None:
    """A token that the survey tool rejects is not stored; the error has its issue and a remedy."""
    as_text = new(*connecting(sandbox.host), stdin="AnotherTokenThatIsWrong00000000000000001")
    in_json = new(*connecting(sandbox.host), "--json", stdin="AnotherTokenThatIsWrong0000000001")

    assert as_text.code == in_json.code == 1
    assert "Authentication:" in as_text.err
    assert "→" in as_text.err
    assert {"kind", "issue", "message", "remedy", "code", "request_id"} == set(in_json.error)
    assert in_json.error["kind"] == "credential_refused"
    assert in_json.error["issue"] == "authentication"
    assert new.done("connection", "list") == []


def test_an_unknown_source_is_rejected(new: Command) -> None:
    """A source that is not installed is rejected, and the remedy lists the installed ones."""
    ended = new("connection", "add", "surveymonkey", "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "not_found"
    assert "qualtrics" in ended.error["remedy"]


def test_an_unknown_field_is_rejected(new: Command) -> None:
    """A field that the source does not have is rejected without repeating its value."""
    ended = new(
        *("connection", "add", "qualtrics", "--set", "token=a-token-here"),
        *("--secret-stdin", "api_token", "--json"),
        stdin=TOKEN,
    )

    assert ended.code == 1
    assert "token" in {field["name"] for field in ended.error["fields"]}
    assert "a-token-here" not in ended.out + ended.err


def test_a_second_connection_requires_a_name(connected: Command, sandbox: SandboxServer) -> None:
    """Without one, the remedy is to edit the first connection or to enter a name."""
    ended = connected(*connecting(sandbox.host), "--json", stdin=TOKEN)

    assert ended.code == 1
    assert ended.error["kind"] == "already_exists"
    assert "edit" in ended.error["remedy"].lower()
    assert "name" in ended.error["remedy"]


def test_listed_secrets_are_masked(connected: Command, sandbox: SandboxServer) -> None:
    """The list shows status and fields, and only the last four characters of a token."""
    (listed,) = connected.done("connection", "list")
    as_text = connected("connection", "list")

    assert listed["status"] == "connected"
    assert MASKED in as_text.out
    assert sandbox.host in as_text.out
    assert TOKEN[:-4] not in json.dumps(listed) + as_text.out


def test_a_failed_check_is_reported(new: Command, untouched: SandboxServer) -> None:
    """A check with a revoked token exits with 1 and prints the steps and the issue."""
    new.connect(untouched.host)
    untouched.state.set_token(None)

    in_json, as_text = (
        new("connection", "check", "qualtrics", "--json"),
        new("connection", "check", "qualtrics"),
    )

    assert in_json.code == as_text.code == 1
    assert in_json.json["status"] == "error"
    assert [step["status"] for step in in_json.json["steps"]][:2] == ["passed", "failed"]
    assert in_json.error["issue"] == "token_revoked"
    assert in_json.error["remedy"]
    assert "✗" in as_text.out
    assert "Token revoked:" in as_text.err


def test_an_edit_replaces_only_the_token(new: Command, untouched: SandboxServer) -> None:
    """An edit replaces the token and keeps the host; a rejected token changes nothing."""
    new.connect(untouched.host)
    untouched.state.set_token("NewTok3nOfTheSandboxNeverSeen00000000002")
    edit = ("connection", "edit", "qualtrics", "--secret-stdin", "api_token", "--json")

    refused = new(*edit, stdin="NotTheNewToken000000000000000000000000003")
    changed = new(*edit, stdin="NewTok3nOfTheSandboxNeverSeen00000000002")

    assert refused.code == 1
    assert refused.error["issue"] == "authentication"
    assert changed.code == 0
    assert {field["value"] for field in changed.json["fields"]} == {
        "••••••••0002",
        untouched.host,
    }


def test_an_empty_edit_is_rejected(connected: Command) -> None:
    """An edit without a value or a terminal is rejected."""
    ended = connected("connection", "edit", "qualtrics", "--json")

    assert ended.code == 1
    assert "Nothing was changed" in ended.error["message"]


def test_an_edit_prompts_for_each_field(
    connected: Command, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a terminal an edit prompts for every field; a blank answer keeps the value."""
    hidden = at_a_terminal(monkeypatch, {"API token": TOKEN})

    ended = connected("connection", "edit", "qualtrics", "--json")

    assert ended.json["status"] == "connected"
    assert sandbox.host in {field["value"] for field in ended.json["fields"]}
    assert hidden == ["API token"]


def test_a_deletion_requires_confirmation(linked: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion requires confirmation and lists the metrics that are no longer refreshed."""
    linked.done(
        *("metric", "add", "All of them", "--connection", "qualtrics"),
        *("--survey", SURVEY, "--calculation", "responses"),
    )
    unasked = linked("connection", "delete", "qualtrics", "--json")
    monkeypatch.setattr(credential_input, "at_a_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    in_json = linked("connection", "delete", "qualtrics", "--json")
    declined = linked("connection", "delete", "qualtrics")
    still_there = linked.done("connection", "list")
    deleted = linked.done("connection", "delete", "qualtrics", "--yes")

    assert unasked.code == in_json.code == 2
    assert "--yes" in unasked.error["remedy"]
    assert "--yes" in in_json.error["remedy"]
    assert declined.code == 1
    assert "All of them" in declined.err
    assert len(still_there) == 1
    assert deleted["metrics"] == ["All of them"]
    assert linked.done("connection", "list") == []
    (card,) = linked.done("card", "load")["cards"]
    assert card["freshness"] == "not_connected"


def test_a_lost_key_is_a_problem_of_the_connection(linked: Command) -> None:
    """Without the key, or with another one, the list still works and shows the problem."""
    (linked.home / "key").unlink()
    another = {"SMAPLY_METRICS_ENCRYPTION_KEYS": "_-7dzLuqmYh3ZlVEMyIRAP_u3cy7qpmId2ZVRDMiEQA"}

    without, replaced = (
        linked("connection", "list", "--json"),
        linked("connection", "list", environment=another),
    )
    (connection,) = linked("connection", "list", "--json", environment=another).json
    surveys = linked("survey", "list", "qualtrics", "--json", environment=another)

    assert [one["problem"]["kind"] for one in without.json] == ["key_missing"]
    assert connection["status"] == "error"
    assert connection["problem"]["kind"] == surveys.error["kind"] == "credentials_not_usable"
    assert surveys.code == 1
    assert "enter the credentials again" in replaced.out


def test_a_connection_is_shown(connected: Command) -> None:
    """`connection show` prints a connection with the steps of its last check, secrets masked."""
    (listed,) = connected.done("connection", "list")
    by_source, by_id = (
        connected.done("connection", "show", name) for name in ("qualtrics", listed["id"])
    )
    printed = connected("connection", "show", "qualtrics").out

    assert by_source == by_id == listed
    assert {step["name"] for step in by_id["steps"]} >= {"reach", "authenticate"}
    for shown in (listed["id"], "connected", "✓ Verify the API token", TOKEN[-4:]):
        assert shown in printed
    assert TOKEN not in printed + str(by_id)
    assert connected("connection", "show", "nothing", "--json").error["kind"] == "not_found"


def test_a_connection_has_a_name(new: Command, sandbox: SandboxServer) -> None:
    """--name is stored, shown with the source's title, and kept when the token changes."""
    given = ("--set", f"base_url={sandbox.host}", "--secret-stdin", "api_token")
    made = new.done("connection", "add", "qualtrics", "--name", " Retail ", *given, stdin=TOKEN)
    listed = new("connection", "list").out
    edited = new.done("connection", "edit", "qualtrics", "--secret-stdin", "api_token", stdin=TOKEN)

    assert made["name"] == edited["name"] == "Retail"
    assert "Retail (Qualtrics)" in " ".join(listed.split())


def test_connections_of_one_source_have_unique_names(new: Command, sandbox: SandboxServer) -> None:
    """Commands accept a name or an ID, list both if the source is ambiguous, and show the name."""
    first = new.connect(sandbox.host)
    second = new.done(*connecting(sandbox.host), "--name", "EU", stdin=TOKEN)
    counting = ("--survey", SURVEY, "--calculation", "responses")
    metric = new.done("metric", "add", "All", "--connection", "EU", *counting)
    ambiguous = new("survey", "list", "qualtrics", "--json")

    assert first["name"] == "Qualtrics"
    assert new.done("connection", "show", "eu")["id"] == second["id"]
    assert metric["connection_id"] == second["id"]
    assert ambiguous.code == 1
    assert ambiguous.error["kind"] == "ambiguous_connection"
    for candidate in (f"“Qualtrics” ({first['id']})", f"“EU” ({second['id']})"):
        assert candidate in ambiguous.error["message"]
    assert "name or ID" in ambiguous.error["remedy"]
    assert "EU (qualtrics)" in " ".join(new("metric", "list").out.split())
    assert "EU (qualtrics)" in new("metric", "show", metric["id"]).out
    assert "EU (qualtrics)" in " ".join(new("card", "load", "--wait", "0").out.split())

    renamed = new("connection", "rename", "EU", "Europe")
    assert "Europe (Qualtrics)" in renamed.out
    moved = new("metric", "edit", metric["id"], "--connection", first["id"])
    assert "The connection changed" in moved.out
    deleted = new("connection", "delete", "Europe", "--yes")
    assert f"Deleted Europe ({second['id']})." in deleted.out
    assert "All" not in deleted.out
    assert new.done("metric", "show", metric["id"])["connection_id"] == first["id"]
