"""Messages, remedies and exit codes of wrong usage, interruptions and bugs."""

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
    """Yield every command that is not a group, with its words."""
    pending: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while pending:
        name, found = pending.pop()
        below = getattr(found, "commands", {})
        pending += [(f"{name} {word}".strip(), each) for word, each in below.items()]
        if not below:
            yield name, found


def test_the_names_of_commands_are_stable() -> None:
    """The commands have the names that scripts rely on."""
    grammar = {
        "source": "list doctor new serve test record",
        "connection": "add list show check edit rename delete propose",
        "survey": "list choose questions",
        "metric": "preview add list show edit duplicate move delete history explain",
        "card": "load",
        "bundle": "export check show",
        "account": "list show edit limits set-limits export erase-user delete",
        "audit": "list",
        "db": "upgrade check backup",
        "entered": "list add",
        "key": "generate status check rotate",
        "worker": "run",
    }

    assert {name for name, _ in commands()} == {
        "doctor",
        *(f"{noun} {verb}" for noun, verbs in grammar.items() for verb in verbs.split()),
    }


def test_every_command_takes_a_home() -> None:
    """Every command has --home, --account, --json, --debug and the options of the log."""
    expected = {"--home", "--account", "--json", "--debug", "--log-level", "--log-format"}
    missing = {
        name: expected - {option for parameter in found.params for option in parameter.opts}
        for name, found in commands()
    }

    assert {name: options for name, options in missing.items() if options} == {}


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
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
            "ID",
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
    command: Command, arguments: tuple[str, ...], message: str, remedy: str
) -> None:
    """Wrong usage exits with 2 and prints one message and one remedy, as text and JSON."""
    as_text = command(*arguments)
    in_json = command(*arguments, "--json")

    assert as_text.code == in_json.code == 2
    assert as_text.out == ""
    assert message in as_text.err.replace("\n", " ")
    assert remedy in as_text.err.replace("\n", " ")
    assert "Traceback" not in as_text.err
    assert in_json.error["kind"] == "wrong_usage"
    assert in_json.error["issue"] is None
    assert message in in_json.error["message"]
    assert remedy in in_json.error["remedy"]


def test_wrong_usage_creates_no_home(command: Command) -> None:
    """Wrong usage has no side effect."""
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
    """A token in the wrong place is rejected and not repeated."""
    as_text, in_json = command(*arguments), command(*arguments, "--json")

    assert as_text.code == in_json.code == 2
    assert "a-token-here" not in as_text.err + as_text.out + in_json.err + in_json.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((TOKEN,), 2, "No such command"),
        (("metric", TOKEN), 2, "No such command"),
        (("connection", "add", TOKEN), 1, "No source with this ID"),
        (("connection", "add", f"--{TOKEN}"), 2, "No such option"),
        (("connection", "add", f"--{TOKEN}=x"), 2, "No such option"),
        (("card", "load", "--wait", TOKEN), 2, "--wait"),
        (("card", "load", "--wait", f"it's {TOKEN}"), 2, "--wait"),
        (("card", "load", f"--wait={TOKEN}"), 2, "--wait"),
    ],
)
def test_a_long_unknown_word_is_not_repeated(
    command: Command, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """A token instead of a command, a source, an option or a value is not repeated."""
    as_text, in_json = command(*arguments), command(*arguments, "--json")

    assert as_text.code == in_json.code == code
    assert TOKEN not in as_text.err + as_text.out + in_json.err + in_json.out
    assert message in in_json.error["message"]


def test_a_long_known_option_is_repeated(command: Command) -> None:
    """A message names a long option that the command has."""
    ended = command("bundle", "export", "qualtrics", "SV_1", "--include-personal=yes", "--json")

    assert ended.code == 2
    assert "--include-personal" in ended.error["message"]


def test_an_undecodable_argument_is_wrong_usage(command: Command) -> None:
    """Bytes that are not text in the terminal's encoding are wrong usage."""
    ended = command("survey", "list", "\udcff", "--json")

    assert ended.code == 2
    assert "not text" in ended.error["message"]


def test_options_before_the_command_apply(command: Command, tmp_path: Path) -> None:
    """--home and --json work before the command's name; an option after it takes precedence."""
    other = Command(tmp_path / "second", command.environment)

    ended = command("--home", str(other.home), "--json", "connection", "list")

    assert ended.json == []
    assert command.home.is_dir()
    assert not other.home.exists()


def test_the_home_comes_from_the_environment(command: Command, tmp_path: Path) -> None:
    """SMAPLY_METRICS_HOME sets the home when --home is omitted."""
    from typer.testing import CliRunner

    home = tmp_path / "named"
    env = {**command.environment, "SMAPLY_METRICS_HOME": str(home)}
    result = CliRunner().invoke(app, ["connection", "list", "--json"], env=env)

    assert result.stdout == "[]\n"
    assert (home / "store.db").is_file()


def test_an_unusable_home_is_reported(command: Command) -> None:
    """A home that is a file is rejected with a remedy."""
    command.home.write_text("a file")

    ended = command("connection", "list", "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "store_error"
    assert "--home" in ended.error["remedy"]


def test_a_file_that_is_not_a_store_is_reported(command: Command) -> None:
    """A ``store.db`` that is not a database is a store error."""
    command.home.mkdir()
    (command.home / "store.db").write_text("This is not a database. " * 200)

    ended = command("card", "load", "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "store_error"


def test_an_unexpected_exception_is_reported_as_a_bug(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception is a message without its text, and a remedy that names --debug."""

    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("with a-token-here in it")

    monkeypatch.setattr(SourceRegistry, "states", broken)

    as_text, in_json = command("source", "list"), command("source", "list", "--json")
    traced = command("source", "list", "--debug")

    assert as_text.code == in_json.code == traced.code == 1
    assert "ZeroDivisionError" in as_text.err
    assert "--debug" in as_text.err
    assert "Traceback" not in as_text.err
    assert "a-token-here" not in as_text.err + in_json.out
    assert in_json.error["kind"] == "bug"
    assert "Traceback" in traced.err


def test_an_interruption_is_quiet(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C exits with 130 and prints nothing."""

    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(SourceRegistry, "states", interrupted)

    ended = command("source", "list")

    assert (ended.code, ended.out, ended.err) == (130, "", "")


def test_a_traceback_is_shown_only_while_debugging(command: Command) -> None:
    """An error has a traceback only with --debug."""
    plain, traced = (
        command("survey", "list", "nothing"),
        command("survey", "list", "nothing", "--debug"),
    )

    assert plain.code == traced.code == 1
    assert "Traceback" not in plain.err
    assert "Traceback" in traced.err
