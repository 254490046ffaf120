"""``python -m smaply_metrics_sql propose``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.sql.tests.conftest import READER, READER_PASSWORD, ReaderDatabase
from plugins.sql.tests.databases import duckdb_file, sqlite_file
from smaply_metrics_sql.__main__ import PASSWORD_VARIABLE, main
from smaply_metrics_sql.mapping.yaml_text import read_mapping

TABLE = "CREATE TABLE feedback (submitted_at timestamp, nps integer, email text, country text)"


def proposed(out: str) -> list[str]:
    """Return the columns of the questions and fields of a printed mapping."""
    (survey,) = read_mapping(out).surveys
    questions = [one.column for one in survey.questions]
    return questions + [one.column for one in survey.fields]


def test_it_prints_the_mapping_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is a mapping."""
    assert main(["propose", f"sqlite:{sqlite_file(tmp_path / 'a.sqlite', TABLE)}"]) == 0
    assert proposed(capsys.readouterr().out) == ["nps", "country"]
    assert main(["propose", f"duckdb:{duckdb_file(tmp_path, TABLE)}"]) == 0
    assert proposed(capsys.readouterr().out) == ["nps", "country"]


def test_what_fails_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, with the exit code 1."""
    assert main(["propose", f"sqlite:{tmp_path / 'none.sqlite'}"]) == 1
    assert "There is no file “none.sqlite”" in capsys.readouterr().err
    assert main(["propose", "mysql://a/b"]) == 1
    assert "A database is written as" in capsys.readouterr().err
    assert main(["propose", f"sqlite:{sqlite_file(tmp_path / 'empty.sqlite')}"]) == 0
    assert capsys.readouterr().out.startswith("# No table")


@pytest.mark.xdist_group("sql_postgresql")
def test_it_asks_for_the_password_of_a_server(
    reader_database: Callable[..., ReaderDatabase],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without an echo, or from the environment; it is never an argument."""
    made = reader_database(TABLE)
    arguments = ["propose", f"postgresql://127.0.0.1:{made.port}/{made.name}", "--user", READER]
    monkeypatch.setattr("getpass.getpass", lambda _: READER_PASSWORD)
    assert main(arguments) == 0
    assert proposed(capsys.readouterr().out) == ["nps", "country"]

    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong-and-made-up")
    assert main(arguments) == 1
    assert "does not accept the user and password" in capsys.readouterr().err
