"""``entered list|add``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command


def test_rows_of_a_file_are_added(command: Command, tmp_path: Path) -> None:
    """A new name and a unit add a table; rows of standard input are added to it."""
    file = tmp_path / "calls.csv"
    file.write_bytes("\ufeffn;value;date\n120;30,5;31.08.2025\n".encode())
    added = command("entered", "add", "Calls", str(file), "--unit", "points", "--json")
    assert added.code == 0
    assert added.json["table"]["rows"][0]["value"] == 30.5
    more = command("entered", "add", "calls", "-", stdin="2025-09-30\t36\n2025-08-31\t31\t119\n")
    assert more.out.startswith("Saved 2 values in Calls")
    (table,) = command("entered", "list", "--json").json
    assert [(row["value"], row["n"]) for row in table["rows"]] == [(31, 119), (36, None)]
    assert "2025-09-30" in command("entered", "list").out


def test_what_cannot_be_added_is_named(command: Command) -> None:
    """Ambiguous dates, an unknown table, another unit and other encodings change nothing."""
    cases = {
        ("New", "2025-09-30\t1"): "There is no table “New”.",
        ("New", "--unit", "points", "03/10/2025\t1"): "“03/10/2025” has two meanings.",
    }
    for (name, *options, stdin), words in cases.items():
        ended = command("entered", "add", name, "-", *options, stdin=stdin)
        assert ended.code != 0
        assert words in " ".join(ended.err.split())
    stated = command(
        "entered", "add", "New", "-", "--unit", "points", "--dates", "day_first",
        stdin="03/10/2025\t1",
    )  # fmt: skip
    assert stated.code == 0
    assert (
        "The unit of “New” is points."
        in command("entered", "add", "New", "-", "--unit", "count", stdin="2025-09-30\t1").err
    )
    assert "not UTF-8" in command("entered", "add", "New", "-", stdin=b"2025-09-30\t1\t\xfc").err
    assert len(command("entered", "list", "--json").json[0]["rows"]) == 1
