"""The page docs/recordings.md works word by word, on the replay server."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from plugins.limesurvey.tests.http_server import serving
from plugins.limesurvey.tests.replay_server import PASSWORD, ReplayServer
from smaply_metrics_core.cli.app import app

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "recordings.md").read_text("utf-8")
NAMES: Final = "smaply_metrics_core.testing.recording.recorder.contract_test_names"
QUICK: Final = ("test_the_list_of_surveys_is_complete", "test_wrong_credentials_are_refused")
KEY: Final = "SESSIONKEY-REPORTING"


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Return the commands of the page."""
    return re.findall(r"^\$ smaply-metrics (.*)$", PAGE, re.MULTILINE)


def run(command: str, *more: str) -> Result:
    """Run a command of the page."""
    return CliRunner().invoke(app, [*shlex.split(command), *more])


@pytest.fixture
def server() -> ReplayServer:
    """The server that is recorded."""
    return ReplayServer()


@pytest.fixture
def project(
    tmp_path: Path, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder with the files of the page, and the environment that it describes."""
    found = re.findall(
        r"`(tests/\w+\.py)`(?:(?!`tests/\w+\.py`)(?:.|\n))*?^```python\n(.*?)^```",
        PAGE,
        re.MULTILINE | re.DOTALL,
    )
    assert [name for name, _ in found] == ["tests/test_contract.py", "tests/recording.py"]
    (tmp_path / "tests").mkdir()
    for name, code in found:
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    loaded = {name: sys.modules.pop(name, None) for name in ("test_contract", "recording")}
    with serving(server) as url:
        monkeypatch.setenv("LIMESURVEY_ADDRESS", f"{url}/index.php/admin/remotecontrol")
        monkeypatch.setenv("LIMESURVEY_PASSWORD", PASSWORD)
        yield tmp_path
    for name, module in loaded.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


@pytest.fixture
def few_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record two scenarios only."""
    monkeypatch.setattr(NAMES, lambda _: QUICK)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.usefixtures("few_tests")
def test_the_login_is_stored_as_the_page_shows(project: Path) -> None:
    """The login and the release are those of the page, and `--check` reports nothing."""
    record, check, _ = commands()

    assert run(record).exit_code == 0
    text = (project / "tests/cassettes/surveys.yaml").read_text(encoding="utf-8")
    login, release = blocks("yaml")
    assert text.partition("interactions:\n")[2].startswith(login)
    assert release in text
    for path in (project / "tests/cassettes").iterdir():
        content = path.read_text(encoding="utf-8")
        assert PASSWORD not in content
        assert KEY not in content
    checked = run(check)
    assert (checked.exit_code, checked.output) == (0, "All responses match the recordings.\n")
    replayed = run("source test tests/test_contract.py:TestLimeSurvey --only list_of_surveys")
    assert replayed.exit_code == 0, replayed.output


@pytest.mark.usefixtures("few_tests")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('request=("params[1]",)', 'request=("params[7]",)', "contained a secret"),
        ('response=("result",)', 'response=("results",)', "contained a secret"),
        ('response=("result",)', 'response=("result", "result.key")', "named no text or number"),
        ('"method", "params", ', '"method", ', "the field params in its body"),
    ],
)
def test_a_mistake_in_the_policy_stores_nothing(
    project: Path, old: str, new: str, message: str
) -> None:
    """A path that is wrong or missing is reported, as in the table of the page."""
    edit(project / "tests/test_contract.py", old, new)

    ended = run(commands()[0], "--json")

    assert ended.exit_code == 1
    assert message in json.loads(ended.output)["error"]["message"]
    assert not (project / "tests/cassettes").exists()


@pytest.mark.usefixtures("few_tests")
def test_a_check_finds_what_must_not_be_stored(project: Path) -> None:
    """A key in a cassette is found, an edited cassette is rejected, and paths are compared."""
    record, check, _ = commands()
    assert run(record).exit_code == 0

    edit(project / "tests/test_contract.py", 'response=("result",)', 'response=("result", "key")')
    sys.modules.pop("test_contract")
    ended = run(check)
    assert ended.exit_code == 1
    assert "removed policy: `key` in the response of “get_session_key”" in ended.output

    surveys = project / "tests/cassettes/surveys.yaml"
    edit(surveys, "redacted1x-redacted1-xredacted1x", "SESSIONKEY-q7Xtn2-Vb9LrZ4w8KfMhY")
    ended = run(check, "--json")
    assert ended.exit_code == 1
    assert "surveys.yaml" in json.loads(ended.output)["error"]["message"]


@pytest.mark.deep(reason="records the suite twice and runs it on the cassettes")
def test_the_commands_of_the_page_work(project: Path, server: ReplayServer) -> None:
    """All tests are recorded, compared and replayed, and every session is released."""
    assert len(commands()) == 3
    for command in commands():
        ended = run(command)
        assert ended.exit_code == 0, f"{command}:\n{ended.output}"
    assert len([*(project / "tests/cassettes").iterdir()]) == 13
    assert server.open == set()
