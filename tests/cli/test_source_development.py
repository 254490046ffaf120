"""``source new|test|record|doctor``: commands for authors of sources."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from plugins.qualtrics.tests.contract.test_contract import TestQualtrics as Facts
from smaply_metrics_core import CONTRACT_VERSION
from smaply_metrics_core.testing.recording.bundle_cassette import run_bundle
from smaply_metrics_core.testing.recording.recorder import (
    Recorded,
    RecordingChange,
    RecordingFinding,
)
from smaply_metrics_core.testing.suite.runner import contract_test_names
from smaply_metrics_qualtrics.survey import loader
from tests.cli.conftest import SURVEY, Command

SUITE = """
from tests.contract_suite.mutants.contracts import InMemoryContract
from tests.contract_suite.mutants.in_memory_source import InMemorySource

class Good(InMemoryContract):
    exceptions = {"test_weeks_begin_where_the_account_says": "Tiny knows no weeks at all"}
    fault_sample = "Good tries all of them in a longer run"

class Bad(InMemoryContract):
    source = InMemorySource(listed=InMemorySource().listed[:2])
"""


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """A file with contract classes, outside any test folder."""
    path = tmp_path / "facts_of_tiny.py"
    path.write_text(SUITE, encoding="utf-8")
    return str(path)


@pytest.mark.deep(reason="2 s: all tests of a contract class; every change runs some of them")
def test_a_contract_class_runs_from_anywhere(command: Command, suite: str) -> None:
    """Every test is listed with its outcome, the quick ones first, and exceptions with reasons."""
    found = command.done("source", "test", f"{suite}:Good")

    assert found["failed"] == 0
    assert found["exceptions"] == {
        "test_weeks_begin_where_the_account_says": "Tiny knows no weeks at all"
    }
    assert found["fault_sample"] == "Good tries all of them in a longer run"
    names = [one["test"] for one in found["tests"]]
    assert names == list(contract_test_names(Facts))
    assert names.index("test_the_description_is_complete") < 5
    assert names[-1] == "test_no_credential_is_recorded"
    assert found["passed"] + found["skipped"] + 1 == len(found["tests"])


def test_a_failure_is_reported_with_its_fix(command: Command, suite: str) -> None:
    """A failed test is reported with its message and its fix, as text and JSON."""
    only = ("--only", "list_of_surveys")
    ended = command("source", "test", f"{suite}:Bad", *only, "--json")
    as_text = command("source", "test", f"{suite}:Bad", *only)

    assert (ended.code, as_text.code) == (1, 1)
    failed = {one["test"]: one for one in ended.json["tests"] if one["outcome"] == "failed"}
    fix = failed["test_the_list_of_surveys_is_complete"]["fix"]
    assert fix.startswith("follow the list to its last page")
    assert "Fix: follow the list" in as_text.out


def test_some_tests_are_selected_by_name(command: Command, suite: str) -> None:
    """`--only` selects tests by a part of their names, and the others are counted as not run.

    Those that run do so in the order of all tests, the quick ones first.
    """
    chosen = ("--only", "list_of_surveys", "--only", "credentials")
    found = command.done("source", "test", f"{suite}:Good", *chosen)

    names = [one["test"] for one in found["tests"]]
    assert len(names) > 2
    assert all("list_of_surveys" in name or "credentials" in name for name in names)
    assert names == [name for name in contract_test_names(Facts) if name in names]
    assert found["failed"] == 0
    assert found["fault_sample"] == "Good tries all of them in a longer run"
    assert found["not_run"] == len(contract_test_names(Facts)) - len(names)


def test_a_name_that_selects_nothing_is_rejected(command: Command, suite: str) -> None:
    """The remedy has a similar name."""
    ended = command("source", "test", f"{suite}:Good", "--only", "lists_of_survey", "--json")

    assert ended.code == 2
    assert "test_the_list_of_surveys" in ended.error["remedy"]


def test_a_run_stops_at_the_first_failure(command: Command, suite: str) -> None:
    """`--exitfirst` runs no test after a failure; the last line counts all outcomes."""
    ended = command("source", "test", f"{suite}:Bad", "--exitfirst", "--durations", "2")

    *_, slowest, _second, counts = ended.out.splitlines()
    assert ended.code == 1
    assert " s  test_" in slowest
    assert counts.startswith("1 failed, ")
    assert " not run in " in counts


def test_another_source_is_tested_with_the_same_facts(command: Command, suite: str) -> None:
    """`--source` tests an installed source with the facts of a class."""
    ended = command(
        "source", "test", f"{suite}:Good", "--source", "no_such_source", "--exitfirst", "--json"
    )

    assert ended.code == 1
    assert "No source “no_such_source” is installed." in ended.json["tests"][1]["said"]


@pytest.mark.parametrize("name", ["nothing", "no_such_module:X", "json:loads", "no.py:X"])
def test_an_invalid_contract_name_is_rejected(command: Command, name: str) -> None:
    """A name that is not a contract class is invalid input."""
    ended = command("source", "test", name, "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "invalid_input"


def test_a_file_imports_from_its_own_folder(command: Command, tmp_path: Path) -> None:
    """A file can import modules in its own folder, whatever the current folder is."""
    (tmp_path / "server_of_tiny.py").write_text("SURVEY = 'S3'\n", encoding="utf-8")
    file = tmp_path / "test_of_tiny.py"
    file.write_text(
        SUITE + "from server_of_tiny import SURVEY\nclass Near(Good): survey_id = SURVEY\n",
        encoding="utf-8",
    )

    only = ("--only", "list_of_surveys")
    assert command.done("source", "test", f"{file}:Near", *only)["failed"] == 0


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("raises", "raise RuntimeError('no server here')", "RuntimeError: no server here"),
        ("exits", "import sys; sys.exit(3)", "SystemExit: 3"),
        ("skips", "import pytest; pytest.skip('x', allow_module_level=True)", "Skipped: x"),
        ("no_python", "def (", "SyntaxError: invalid syntax"),
        ("misses", "import math; math.nothing", "module 'math' has no attribute 'nothing'"),
        ("makes_none", "def X(): raise ValueError('no port is free')", "no port is free"),
        (
            "opens_none",
            "import contextlib as c\n@c.contextmanager\ndef X(): raise OSError('no port'); yield",
            "OSError: no port",
        ),
    ],
)
def test_an_error_in_a_file_names_the_file(
    command: Command, tmp_path: Path, name: str, code: str, message: str
) -> None:
    """An exception in an author's file is reported as an error of this file, not as a bug."""
    file = tmp_path / f"author_{name}.py"
    file.write_text(code, encoding="utf-8")

    ended = command("source", "test", f"{file}:X", "--json")

    assert ended.code == 1
    assert ended.error["kind"] == "invalid_input"
    assert str(file) in ended.error["message"]
    assert message in ended.error["message"]


def test_recordings_are_listed(
    command: Command, suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`source record` lists its files and the fields that the policy excludes."""
    path = tmp_path / "check.yaml"
    path.write_text("interactions: []", encoding="utf-8")
    monkeypatch.setattr(
        "smaply_metrics_core.testing.recording.recorder.record",
        lambda *_: Recorded((path,), ("cookie",), ()),
    )
    found = command.done("source", "record", f"{suite}:Good", "--output", str(tmp_path))
    as_text = command("source", "record", f"{suite}:Good", "--output", str(tmp_path))

    assert found == {"cassettes": [str(path)], "left_out": ["cookie"]}
    assert "cookie" in as_text.out
    assert command("source", "record", f"{suite}:Good").code == 2


@pytest.mark.parametrize(("what", "code"), [("added", 0), ("removed", 1), ("changed", 1)])
def test_a_breaking_change_exits_with_1(
    command: Command,
    suite: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    what: str,
    code: int,
) -> None:
    """`source record --check` groups changes by kind; a new field is not a breaking change."""
    change = RecordingChange(what, "surveys", "GET /v1/surveys", "items[].id", "text", "number")  # type: ignore[arg-type]  # One of them.
    monkeypatch.setattr(
        "smaply_metrics_core.testing.recording.recorder.check", lambda *_: (change,)
    )
    ended = command(
        "source", "record", f"{suite}:Good", "--check", "--output", str(tmp_path), "--json"
    )
    as_text = command("source", "record", f"{suite}:Good", "--check", "--output", str(tmp_path))

    assert (ended.code, as_text.code) == (code, code)
    assert ended.json[what] == [
        {
            "cassette": "surveys",
            "request": "GET /v1/surveys",
            "path": "items[].id",
            "was": "text",
            "now": "number",
        }
    ]
    assert "items[].id" in as_text.out


def test_sensitive_data_in_a_recording_exits_with_1(
    command: Command, suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`source record --check` lists what the stored recordings must not contain."""
    module = "smaply_metrics_core.testing.recording.recorder"
    monkeypatch.setattr(f"{module}.check", lambda *_: ())
    monkeypatch.setattr(
        f"{module}.sensitive_data", lambda *_: (RecordingFinding("surveys", "a secret"),)
    )
    arguments = ("source", "record", f"{suite}:Good", "--check", "--output", str(tmp_path))
    ended, as_text = command(*arguments, "--json"), command(*arguments)

    assert (ended.code, as_text.code) == (1, 1)
    assert ended.json["sensitive"] == [{"cassette": "surveys", "what": "a secret"}]
    assert "sensitive surveys: a secret" in as_text.out


def test_a_bundle_is_replayed_as_a_test(
    linked: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay of a user's bundle fails if the source raises an unexpected exception."""
    bundle = tmp_path / "bundle.zip"
    linked.done(
        *("metric", "add", "NPS", "--connection", "qualtrics", "--survey", SURVEY),
        *("--question", "QID1", "--calculation", "nps"),
    )
    linked.done("bundle", "export", "qualtrics", SURVEY, "--output", str(bundle))

    assert run_bundle(Facts, bundle).outcome == "passed"

    def stumble(*_: object) -> None:
        raise KeyError("ChoiceOrder")

    monkeypatch.setattr(loader, "read_definition", stumble)
    verdict = run_bundle(Facts, bundle)
    assert verdict.outcome == "failed"
    assert "KeyError" in verdict.message
    assert verdict.message.rpartition("\n")[2].startswith("Fix: ")


def test_a_new_source_is_written(command: Command, tmp_path: Path) -> None:
    """The folder and its files are listed, with the distribution that already has the ID."""
    free = command.done("source", "new", "paper_birds", "--output", str(tmp_path))
    assert free["folder"] == str(tmp_path / "paper_birds")
    assert all(Path(file).is_file() for file in free["files"])
    assert free["rivals"] == []

    taken = command.done("source", "new", "csv_example", "--output", str(tmp_path))
    assert taken["rivals"] == ["smaply-metrics-csv-example"]
    as_text = command("source", "new", "qualtrics", "--output", str(tmp_path))
    assert "The ID qualtrics is taken by smaply-metrics-qualtrics" in as_text.out


def test_the_doctor_passes_a_healthy_source(command: Command) -> None:
    """Every check of a healthy source is listed as good."""
    found = command.done("source", "doctor", "csv_example")

    assert found["state"] == "ok"
    assert all(one["good"] for one in found["findings"])
    checks = {one["what"] for one in found["findings"]}
    assert f"It declares version {CONTRACT_VERSION} of the contract." in checks
    assert "✓" in command("source", "doctor", "csv_example").out
    assert command("source", "doctor", "no_such_source").code == 1


def test_recording_finds_the_contract_class_of_a_source(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ID of a source selects its only contract class below tests/."""
    folder = tmp_path / "tests" / "contract"
    folder.mkdir(parents=True)
    facts = (
        "from smaply_metrics_core.testing import SourceContract\n"
        "class One(SourceContract):\n    source = 'one'\n"
        "class Two(SourceContract):\n    source = 'two'\n"
        "class Again(Two):\n    pass\n"
    )
    (folder / "test_contract.py").write_text(facts, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    recorded: list[str] = []

    def record(contract: type, _folder: Path) -> Recorded:
        recorded.append(contract.__name__)
        return Recorded((), (), ())

    monkeypatch.setattr("smaply_metrics_core.testing.recording.recorder.record", record)

    assert command.done("source", "record", "one", "--output", "here") == {
        "cassettes": [],
        "left_out": [],
    }
    assert recorded == ["One"]
    several = command("source", "record", "two", "--output", "here", "--json")
    assert "Two" in several.error["message"]
    assert "Again" in several.error["message"]
    missing = command("source", "record", "three", "--output", "here", "--json")
    assert "MODULE:CLASS" in missing.error["remedy"]


@pytest.mark.parametrize(
    "arguments", [("source", "record", "{}:Good"), ("source", "test", "{}:Good", "--bundle", "b")]
)
def test_a_missing_testing_extra_is_named(
    command: Command, suite: str, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Recording and replaying without vcrpy name the extra."""
    monkeypatch.setitem(sys.modules, "vcr", None)

    ended = command(*(word.format(suite) for word in arguments), "--json")

    assert ended.code == 1
    assert "smaply-metrics-core[testing]" in ended.error["remedy"]
