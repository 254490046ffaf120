"""``account``, and the account that a command uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import TOKEN, Command


@pytest.fixture
def two_accounts(linked: Command, sandbox: SandboxServer) -> Command:
    """A store in which the accounts `default` and `acme` have a connection each."""
    linked.done(
        *("--account", "acme", "connection", "add", "qualtrics"),
        *("--set", f"base_url={sandbox.host}", "--secret-stdin", "api_token"),
        stdin=TOKEN,
    )
    return linked


def test_all_accounts_are_listed(two_accounts: Command) -> None:
    """Each account of the store is listed with its settings, as text and JSON."""
    two_accounts.done("account", "edit", "--account", "zenith", "--zone", "Europe/Vienna")
    defaults = {"week_start": 1, "confidence": 95, "minimum_group": 0}

    assert two_accounts.done("account", "list") == [
        {"id": "acme", "zone": "UTC", **defaults},
        {"id": "default", "zone": "UTC", **defaults},
        {"id": "zenith", "zone": "Europe/Vienna", **defaults},
    ]
    assert "Monday (1)" in two_accounts("account", "list").out


def test_small_groups_are_hidden_and_shown_again(command: Command) -> None:
    """The other settings stay as they are; 1 and 2 are refused with the possible numbers."""
    command.done("account", "edit", "--week-start", "7")
    edited = command.done("account", "edit", "--minimum-group", "5")
    assert (edited["minimum_group"], edited["week_start"]) == (5, 7)
    assert "5 answers" in command("account", "show").out
    refused = command("account", "edit", "--minimum-group", "2", "--json")
    assert "3 to 1,000 answers" in refused.error["remedy"]
    assert command.done("account", "edit", "--minimum-group", "0")["minimum_group"] == 0
    assert "all shown" in command("account", "show").out


def test_the_limits_of_an_account_are_set_and_shown(command: Command) -> None:
    """Those that are not named stay; `default` returns to the setting."""
    command.done("account", "set-limits", "--metrics", "500", "--connections", "unlimited")
    found = command.done("account", "set-limits", "--connections", "3")
    assert found["connections"] == {"allowed": 3, "used": 0, "own": 3}
    assert found["metrics"]["own"] == 500
    shown = command("account", "limits").out
    assert "this account" in shown
    assert "not counted" in shown
    found = command.done("account", "set-limits", "--metrics", "default")
    assert found["metrics"] == {"allowed": None, "used": 0, "own": None}
    assert command.done("account", "limits") == found


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", "9999999999", "9" * 5000, "²"])
def test_an_invalid_limit_is_refused(command: Command, limit: str) -> None:
    """The error names the possible values; nothing is stored."""
    refused = command("account", "set-limits", f"--metrics={limit}", "--json")
    assert "is not a valid limit" in refused.error["message"]
    assert command.done("account", "list") == []
    nothing = command("account", "set-limits", "--json")
    assert "--exports-per-hour" in nothing.error["remedy"]


def test_an_empty_store_has_no_account(command: Command) -> None:
    """The list of an empty store is empty."""
    assert command.done("account", "list") == []
    assert "There is no account yet" in command("account", "list").out


def test_accounts_are_isolated(two_accounts: Command) -> None:
    """Connections, metrics and the audit trail are those of the chosen account."""
    (mine,) = two_accounts.done("connection", "list")
    (theirs,) = two_accounts.done("connection", "list", "--account", "acme")
    two_accounts.done("connection", "delete", "qualtrics", "--yes", "--account", "acme")

    assert mine["id"] != theirs["id"]
    assert two_accounts.done("connection", "list") == [mine]
    audited = two_accounts.done("audit", "list", "--account", "acme")["entries"]
    assert [entry["action"] for entry in audited] == ["delete_connection", "connect"]
    assert len(two_accounts.done("audit", "list")["entries"]) == 1


def test_the_account_comes_from_an_option_or_the_environment(two_accounts: Command) -> None:
    """The option after the verb overrides the one before the noun, which overrides the variable."""
    environment = {"SMAPLY_METRICS_ACCOUNT": "acme"}
    (acme,) = two_accounts("connection", "list", "--json", environment=environment).json
    default = ("--account", "default", "connection", "list", "--json")
    both = ("--account", "nothing", "connection", "list", "--account", "acme", "--json")

    assert two_accounts(*default, environment=environment).json != [acme]
    assert two_accounts(*both, environment=environment).json == [acme]


def test_an_unknown_account_is_a_warning(two_accounts: Command) -> None:
    """A command that reads an unknown account warns on standard error and succeeds."""
    listed = two_accounts("metric", "list", "--account", "acmee", "--json")
    shown = two_accounts("account", "show", "--account", "acmee", "--json")

    assert listed.code == shown.code == 0
    assert listed.json == []
    assert shown.json == {"zone": "UTC", "week_start": 1, "confidence": 95, "minimum_group": 0}
    for ended in (listed, shown):
        assert "Nothing is stored for the account “acmee”" in ended.err
        assert "account list" in " ".join(ended.err.split())


def test_the_default_account_of_a_new_store_is_not_a_warning(command: Command) -> None:
    """The default account of an empty store is not a warning; another account is."""
    assert command("connection", "list").err == ""
    assert "This store has no account yet" in command("connection", "list", "--account", "a").err


def test_another_account_reads_its_own_files(command: Command) -> None:
    """An account reads only the files in its own folder of the home."""
    folder = command.home / "files" / "acme" / "visits"
    folder.mkdir(parents=True)
    (folder / "visits.csv").write_text(
        "recorded_at,nps\n2026-01-01T00:00:00Z,9\n", encoding="utf-8"
    )
    add = ("connection", "add", "csv_example", "--set", "folder=visits", "--json")

    assert command(*add, "--account", "acme").code == 0
    assert command(*add).error["kind"] == "destination_refused"
    assert command(*add, "--account", "../files/acme").error["kind"] == "destination_refused"


def test_a_files_folder_is_named_for_the_account(command: Command, tmp_path: Path) -> None:
    """The folder of SMAPLY_METRICS_FILES_DIR is used for any account."""
    folder = tmp_path / "elsewhere" / "visits"
    folder.mkdir(parents=True)
    (folder / "visits.csv").write_text(
        "recorded_at,nps\n2026-01-01T00:00:00Z,9\n", encoding="utf-8"
    )
    ended = command(
        *("connection", "add", "csv_example", "--set", "folder=visits", "--account", "acme"),
        environment={"SMAPLY_METRICS_FILES_DIR": str(folder.parent)},
    )

    assert ended.code == 0
