"""Wrong usage, interruptions and bugs: one message, one remedy, and the right exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer

from smaply_metrics_core.cli.app import app
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.cli.conftest import TOKEN, Command

PREVIEW = (
    "metric",
    "preview",
    "--connection",
    "qualtrics",
    "--survey",
    "SV_1",
    "--question",
    "QID1",
)


def commands() -> Iterator[tuple[str, Any]]:
    """Give every command that does something, by its words."""
    pending: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while pending:
        name, found = pending.pop()
        below = getattr(found, "commands", {})
        pending += [(f"{name} {word}".strip(), each) for word, each in below.items()]
        if not below:
            yield name, found


def test_there_are_the_commands_that_scripts_rely_on() -> None:
    """The names of the commands are fixed."""
    grammar = {
        "source": "list doctor new test record",
        "connection": "add list show check edit delete",
        "survey": "list questions",
        "metric": "preview add list show edit delete history explain",
        "card": "load",
        "bundle": "export check show",
        "account": "list show edit",
        "audit": "list",
        "db": "upgrade",
        "worker": "run",
    }

    assert {name for name, _ in commands()} == {
        f"{noun} {verb}" for noun, verbs in grammar.items() for verb in verbs.split()
    }


@pytest.mark.parametrize(("name", "found"), list(commands()), ids=lambda one: str(one)[:20])
def test_every_command_takes_a_home(name: str, found: Any) -> None:  # noqa: ANN401  # Typer's.
    """--home, --account, --json and --debug are on every command."""
    options = {option for parameter in found.params for option in parameter.opts}

    assert {"--home", "--account", "--json", "--debug"} <= options


@pytest.mark.parametrize(
    ("arguments", "said", "remedy"),
    [
        ((*PREVIEW, "--calculation", "npss"), "npss", "--help"),
        ((*PREVIEW, "--calculation", "nps", "--range", "lst_week"), "lst_week", "last_week"),
        ((*PREVIEW, "--calculation", "nps", "--range", "zzz"), "zzz", "last_365_days"),
        (
            (*PREVIEW, "--calculation", "nps", "--range", "last_week", "--since", "2026-01-01"),
            "--range cannot be combined with --since",
            "dates",
        ),
        ((*PREVIEW, "--calculation", "nps", "--since", "1.2.2026"), "--since “1.2.2026”", "2026-"),
        (
            (*PREVIEW, "--calculation", "nps", "--until", "2026-02-30"),
            "--until “2026-02-30”",
            "2026-",
        ),
        (
            (*PREVIEW, "--calculation", "nps", "--since", "2026-02-01", "--until", "2026-02-01"),
            "ends before it begins",
            "after --since",
        ),
        ((*PREVIEW, "--calculation", "nps", "--group-by", "region"), "region", "field:NAME"),
        ((*PREVIEW, "--calculation", "nps", "--group-by", "period:x"), "period:x", "quarter"),
        ((*PREVIEW, "--calculation", "nps", "--group-by", ""), "not a valid group-by", "answer"),
        ((*PREVIEW, "--calculation", "nps", "--where", "=1"), "--where", "question:ID=KEY"),
        ((*PREVIEW, "--calculation", "nps", "--where", "a:b=1"), "--where", "field:NAME="),
        ((*PREVIEW, "--calculation", "nps", "--where", "a=1|"), "has an empty value", "a=A|B"),
        ((*PREVIEW, "--calculation", "nps", "--where", "test"), "FIELD=VALUE", "--count test"),
        ((*PREVIEW, "--calculation", "nps", "--count", "tests"), "“tests”", "unfinished,preview"),
        ((*PREVIEW, "--calculation", "nps", "--count", " , "), "--count is empty", "unfinished"),
        ((*PREVIEW, "--calculation", "nps", "--where-not", "x"), "--where-not", "question:ID=KEY"),
        ((*PREVIEW, "--calculation", "share", "--answers", ", ,"), "--answers", "1,2"),
        ((*PREVIEW, "--calculation", "share", "--answers", '"1'), "--answers", "commas"),
        ((*PREVIEW, "--calculation", "nps", "--type", "table"), "table", "--help"),
        (PREVIEW, "--calculation is missing", "--calculation"),
        (
            ("metric", "preview", "--connection", "qualtrics", "--calculation", "nps"),
            "--survey is missing",
            "--survey",
        ),
        (
            (
                "metric",
                "preview",
                "--connection",
                "qualtrics",
                "--survey",
                " ",
                "--calculation",
                "nps",
            ),
            "--survey is empty",
            "id",
        ),
        (
            (*PREVIEW, "--calculation", "nps", "--until", "0001-01-01"),
            "--until “0001-01-01”",
            "2026-",
        ),
        (
            (
                *("metric", "add", "x", "--connection", "q", "--survey", "S"),
                *("--calculation", "nps", "--target", "inf"),
            ),
            "value of --target is not valid",
            "--help",
        ),
        (("card", "load", "--now", "9999-12-31T23:59:59Z"), "--now “9999", "2026-"),
        (("card", "load", "--now", "noon"), "--now “noon”", "2026-"),
        (("card", "load", "--wait", "-1"), "--wait", "--help"),
        (("card", "load", "--wait", "nan"), "--wait", "--help"),
        (("metric", "edit", "met_1", "--reset", "name"), "“name”", "group-by"),
        (("account", "edit"), "Nothing was changed", "--zone"),
        (("account", "edit", "--week-start", "8"), "--week-start", "--help"),
        (("connection", "add", "qualtrics", "--set", "base_url"), "--set", "base_url=HOST"),
        (
            ("connection", "add", "qualtrics", "--set", "base_url=a", "--set", "base_url=b"),
            "twice",
            "once",
        ),
        (("sourcess",), "sourcess", "--help"),
        (("metric",), "Missing command", "--help"),
        ((), "command is missing", "--help"),
        (("conect", "qualtrics"), "No such command", "--help"),
        (("metric", "ad", "x"), "Did you mean 'add'?", "--help"),
        (("bundle", "export", "qualtrics"), "SURVEY", "--help"),
    ],
)
def test_wrong_usage_ends_with_2(
    command: Command, arguments: tuple[str, ...], said: str, remedy: str
) -> None:
    """A command line that cannot be meant is refused with what to use instead, in both forms."""
    told = command(*arguments)
    in_json = command(*arguments, "--json")

    assert told.code == in_json.code == 2
    assert told.out == ""
    assert said in told.err.replace("\n", " ")
    assert remedy in told.err.replace("\n", " ")
    assert "Traceback" not in told.err
    assert in_json.error["kind"] == "wrong_usage"
    assert in_json.error["issue"] is None
    assert said in in_json.error["message"]
    assert remedy in in_json.error["remedy"]


def test_wrong_usage_makes_no_home(command: Command) -> None:
    """What is refused as wrong usage has done nothing."""
    assert command(*PREVIEW, "--calculation", "nps", "--range", "x").code == 2
    assert not command.home.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("connection", "add", "qualtrics", "a-token-here"),
        ("connection", "add", "qualtrics", "--set", "a-token-here"),
        ("connection", "add", "qualtrics", "--set", "api_token=a-token-here"),
        ("connection", "add", "qualtrics", "--secret-stdin", "a-token-here"),
        ("connection", "add", "qualtrics", "--token=a-token-here"),
        ("connection", "edit", "qualtrics", "a-token-here"),
    ],
)
def test_a_misplaced_secret_is_not_repeated(command: Command, arguments: tuple[str, ...]) -> None:
    """A token typed where none belongs is refused without being shown."""
    told, in_json = command(*arguments), command(*arguments, "--json")

    assert told.code == in_json.code == 2
    assert "a-token-here" not in told.err + told.out + in_json.err + in_json.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((TOKEN,), 2, "No such command"),
        (("metric", TOKEN), 2, "No such command"),
        (("connection", "add", TOKEN), 1, "No source with this id"),
        (("connection", "add", f"--{TOKEN}"), 2, "No such option"),
        (("connection", "add", f"--{TOKEN}=x"), 2, "No such option"),
        (("card", "load", "--wait", TOKEN), 2, "--wait"),
        (("card", "load", "--wait", f"it's {TOKEN}"), 2, "--wait"),
        (("card", "load", f"--wait={TOKEN}"), 2, "--wait"),
    ],
)
def test_a_long_word_that_nobody_knows_is_not_repeated(
    command: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """A token typed in place of a command, a source, an option or a value is not shown."""
    told, in_json = command(*arguments), command(*arguments, "--json")

    assert told.code == in_json.code == code
    assert TOKEN not in told.err + told.out + in_json.err + in_json.out
    assert said in in_json.error["message"]


def test_a_long_option_that_is_known_is_named(command: Command) -> None:
    """What is not repeated are unknown words: an option of the command helps, however long."""
    ended = command("bundle", "export", "qualtrics", "SV_1", "--include-personal=yes", "--json")

    assert ended.code == 2
    assert "--include-personal" in ended.error["message"]


def test_an_argument_that_is_no_text_is_refused(command: Command) -> None:
    """Bytes that are not text in the terminal's encoding are wrong usage, not a crash."""
    ended = command("survey", "list", "\udcff", "--json")

    assert ended.code == 2
    assert "not text" in ended.error["message"]


def test_the_home_may_be_given_before_the_command(command: Command, tmp_path: Path) -> None:
    """--home and --json work before the command's name, and the one after it wins."""
    other = Command(tmp_path / "second", command.environment)

    ended = command("--home", str(other.home), "--json", "connection", "list")

    assert ended.json == []
    assert command.home.is_dir()
    assert not other.home.exists()


def test_the_home_is_found_in_the_environment(command: Command, tmp_path: Path) -> None:
    """SMAPLY_METRICS_HOME names the home where no option does."""
    from typer.testing import CliRunner

    home = tmp_path / "named"
    env = {**command.environment, "SMAPLY_METRICS_HOME": str(home)}
    result = CliRunner().invoke(app, ["connection", "list", "--json"], env=env)

    assert result.stdout == "[]\n"
    assert (home / "store.db").is_file()


def test_a_home_that_cannot_be_used_is_said(command: Command) -> None:
    """A home that is a file is refused with what to do."""
    command.home.write_text("a file")

    ended = command("connection", "list", "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "store_error"
    assert "--home" in ended.error["remedy"]


def test_a_store_that_is_none_is_said(command: Command) -> None:
    """A file that is no store is left alone and said."""
    command.home.mkdir()
    (command.home / "store.db").write_text("This is no database, whatever its name says. " * 100)

    ended = command("card", "load", "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "store_error"


def test_a_bug_is_told_as_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody foresaw is one message without its text, and a way to find out."""

    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("with a-token-here in it")

    monkeypatch.setattr(SourceRegistry, "states", broken)

    told, in_json = command("source", "list"), command("source", "list", "--json")
    traced = command("source", "list", "--debug")

    assert told.code == in_json.code == traced.code == 1
    assert "ZeroDivisionError" in told.err
    assert "--debug" in told.err
    assert "Traceback" not in told.err
    assert "a-token-here" not in told.err + in_json.out
    assert in_json.error["kind"] == "bug"
    assert "Traceback" in traced.err


def test_an_interruption_is_quiet(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130 and without a word."""

    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(SourceRegistry, "states", interrupted)

    ended = command("source", "list")

    assert (ended.code, ended.out, ended.err) == (130, "", "")


def test_a_traceback_is_shown_only_while_debugging(command: Command) -> None:
    """A refusal has a traceback with --debug and none without."""
    plain, traced = (
        command("survey", "list", "nothing"),
        command("survey", "list", "nothing", "--debug"),
    )

    assert plain.code == traced.code == 1
    assert "Traceback" not in plain.err
    assert "Traceback" in traced.err
