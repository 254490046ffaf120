"""``connection propose`` prints a value that a source proposes for its form."""

from __future__ import annotations

import sqlite3

from .conftest import Command


def test_a_mapping_of_a_database_is_printed(command: Command) -> None:
    """As YAML for a file, or in JSON; nothing is stored."""
    folder = command.home / "files" / "default"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "visits.sqlite")
    connection.execute('CREATE TABLE visits (recorded_at timestamp, nps integer, "a\x1bb" text)')
    connection.close()
    propose = ("connection", "propose", "sql", "mapping", "--set", "database=sqlite:visits.sqlite")

    printed = command(*propose)
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.startswith("surveys:\n")
    assert "\n- id: visits\n" in printed.out
    assert "\x1b" not in printed.out
    found = command.done(*propose)
    assert found["value"] == printed.out
    assert (found["source"], found["field"]) == ("sql", "mapping")
    assert command.done("connection", "list") == []


def test_nothing_to_propose_is_no_error(command: Command) -> None:
    """Standard output is empty, so that a file is empty too."""
    folder = command.home / "files" / "default"
    folder.mkdir(parents=True)
    sqlite3.connect(folder / "empty.sqlite").close()
    ended = command(
        *("connection", "propose", "sql", "mapping", "--set", "database=sqlite:empty.sqlite")
    )

    assert (ended.code, ended.out) == (0, "")
    assert "There is nothing to propose for mapping." in ended.err


def test_a_field_without_proposals_is_refused(command: Command) -> None:
    """The error names the fields that have one."""
    ended = command("connection", "propose", "sql", "user", "--set", "database=sqlite:a.sqlite")

    assert ended.code == 1
    assert "Use one of these fields: mapping." in ended.err
