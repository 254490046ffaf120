"""Recording: stored and rejected parts, replay and changes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import httpx
import pytest

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.testing import record
from smaply_metrics_core.testing.recording import recorder
from smaply_metrics_core.testing.recording.cassettes import head_of, is_as_recorded
from smaply_metrics_core.testing.recording.recorder import check
from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data
from smaply_metrics_core.testing.suite.runner import run_test
from tests.contract_suite.http_source_server import POLICY, recordable
from tests.contract_suite.mutants import http_source


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cassettes of the HTTP source."""
    folder = tmp_path_factory.mktemp("cassettes")
    with recordable(folder) as contract:
        found = record(contract, folder)
    assert (found.unstored_fields, found.failures) == ((), ())
    return folder


@pytest.fixture
def few_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record with one of the contract tests only, whose request has the parameter ``page``."""
    monkeypatch.setattr(
        recorder, "contract_test_names", lambda _: ("test_the_list_of_surveys_is_complete",)
    )


def changed(request: httpx.Request) -> httpx.Response:
    """Respond like another version of the survey tool."""
    answer = http_source.server(request)
    if answer.status_code != 200 or request.url.path != "/v1/surveys":
        return answer
    body = answer.json()
    for item in body["items"]:
        item["owner"] = item.pop("name")
        item["id"] = int(item["id"].removeprefix("R"))
    return httpx.Response(200, json=body)


def test_recordings_are_played_without_a_server(recorded: Path) -> None:
    """Recorded tests pass without a server."""
    with recordable(recorded) as contract:
        pass
    for name in ("test_the_numbers_are_those_of_the_account", "test_every_recording_is_played"):
        assert run_test(contract, name).outcome == "passed"


def test_a_cassette_has_a_head(recorded: Path) -> None:
    """The head of a cassette has the time of the recording, the version and a hash."""
    for path in recorded.glob("*.yaml"):
        head = head_of(path)
        assert set(head) == {"recorded_at", "plugin", "content_hash"}
        assert head["content_hash"].startswith("sha256:")
        assert is_as_recorded(path)


@pytest.mark.deep(reason="runs the suite in a process for each file")
@pytest.mark.parametrize("stray", ["stray.yaml", "check.yml", "old/check.yaml"])
def test_an_unused_cassette_is_reported(recorded: Path, tmp_path: Path, stray: str) -> None:
    """A cassette without a scenario fails, with any suffix and in any folder."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    (tmp_path / stray).parent.mkdir(exist_ok=True)
    shutil.copy(recorded / "check.yaml", tmp_path / stray)
    with recordable(tmp_path) as contract:
        pass
    message = run_test(contract, "test_every_recording_is_played").message
    assert f"The cassettes {stray} belong to no scenario." in message


def test_a_manual_change_is_detected(recorded: Path, tmp_path: Path) -> None:
    """An edited cassette is not replayed."""
    for path in recorded.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("Remote survey", "My survey"), "utf-8")
    with recordable(tmp_path) as contract:
        pass
    verdict = run_test(contract, "test_the_list_of_surveys_is_complete")
    assert "surveys.yaml was changed after it was recorded" in verdict.message


@pytest.mark.deep(reason="records the suite twice")
def test_an_unchanged_cassette_is_not_replaced(recorded: Path) -> None:
    """A new recording does not replace a cassette with the same content."""
    before = {path.name: path.read_bytes() for path in recorded.glob("*.yaml")}
    with recordable(recorded) as contract:
        record(contract, recorded)
    assert {path.name: path.read_bytes() for path in recorded.glob("*.yaml")} == before


@pytest.mark.deep(reason="records the suite in separate processes")
def test_a_check_reports_new_missing_and_changed_fields(recorded: Path) -> None:
    """Changed fields are reported by path; new fields are not breaking changes."""
    with recordable(recorded) as contract:
        assert check(contract, recorded) == ()
    with recordable(recorded, changed) as contract:
        contract.policy = dataclasses.replace(POLICY, fields=(*POLICY.fields, "owner"))
        found = check(contract, recorded)
    changes = {(one.what, one.path, one.was, one.now) for one in found if one.cassette == "surveys"}
    assert ("removed", "items[].name", "text", "") in changes
    assert ("changed", "items[].id", "text", "number") in changes
    assert ("added", "items[].owner", "", "text") in changes
    assert {one.breaks for one in found if one.what == "added"} == {False}


@pytest.mark.deep(reason="records the suite in separate processes")
def test_a_field_named_status_is_not_the_http_status(recorded: Path, tmp_path: Path) -> None:
    """A removed JSON field named “status” is reported."""

    def answered(request: httpx.Request) -> httpx.Response:
        answer = http_source.server(request)
        return httpx.Response(answer.status_code, json={**answer.json(), "status": "done"})

    with recordable(tmp_path, answered) as contract:
        contract.policy = dataclasses.replace(POLICY, fields=(*POLICY.fields, "status"))
        record(contract, tmp_path)
    with recordable(tmp_path) as contract:
        found = check(contract, tmp_path)
    assert {(one.what, one.path, one.was) for one in found} == {("removed", "status", "text")}


@pytest.mark.usefixtures("few_tests")
def test_a_check_reports_why_a_recording_is_missing(recorded: Path) -> None:
    """During an outage, the change contains the error of the source."""
    with recordable(recorded, lambda _: httpx.Response(503, json={})) as contract:
        found = check(contract, recorded)
    gone = [one for one in found if not one.path and one.was == "a recording"]
    assert gone
    assert all("HTTP 503" in one.now for one in gone)


def test_a_check_without_cassettes_is_rejected(tmp_path: Path) -> None:
    """A folder without cassettes is rejected."""
    with recordable(tmp_path) as contract, pytest.raises(InputError, match="no recordings in"):
        check(contract, tmp_path / "not_there")


@pytest.mark.deep(reason="records the suite in a separate process")
def test_an_excluded_field_is_not_stored(tmp_path: Path) -> None:
    """A field that the policy does not allow is not stored, and is reported."""

    def talkative(request: httpx.Request) -> httpx.Response:
        answer = http_source.server(request)
        return httpx.Response(answer.status_code, json={**answer.json(), "cookie": "secret stuff"})

    with recordable(tmp_path, talkative) as contract:
        found = record(contract, tmp_path)
    assert found.unstored_fields == ("cookie",)
    assert all(b"secret stuff" not in path.read_bytes() for path in found.paths)


@pytest.mark.usefixtures("few_tests")
def test_an_excluded_parameter_is_rejected(tmp_path: Path) -> None:
    """Every query parameter must be allowed, because requests are matched by them."""
    sending = httpx.HTTPTransport.handle_request
    with recordable(tmp_path) as contract:
        contract.policy = dataclasses.replace(POLICY, parameters=())
        with pytest.raises(AssertionError, match=r"the parameter page(.|\n)*Fix: "):
            record(contract, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert httpx.HTTPTransport.handle_request is sending  # httpx is not patched any more.


@pytest.mark.parametrize(
    ("text", "description"),
    [
        (http_source.TOKEN, "a secret"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "a JSON web token"),
        ("Bearer abcdefghijklmnop", "a bearer token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("AKIAABCDEFGHIJKLMNOP", "a cloud access key"),
        ("ann@survey.example", "the e-mail address ann@survey.example"),
        ("+43 660 1234567", "the phone number +43 660 1234567"),
        ("ann%40survey.example", "the e-mail address ann%40survey.example"),
        ("jörg@bücher.example", "the e-mail address jörg@bücher.example"),
        ("8.8.4.4", "the IP address 8.8.4.4"),
        ("2a00:1450:4001:81b::200e", "the IP address 2a00:1450:4001:81b::200e"),
    ],
)
def test_secrets_and_personal_data_are_found(recorded: Path, text: str, description: str) -> None:
    """Secrets, texts that look like secrets, and personal data are found."""
    kept = recorded / "surveys.yaml"
    spoiled = recorded.parent / "spoiled.yaml"
    content = kept.read_text(encoding="utf-8")
    assert find_sensitive_data(kept, [http_source.TOKEN]) == ()
    spoiled.write_text(content.replace("Remote survey 1", text), encoding="utf-8")
    assert find_sensitive_data(spoiled, [http_source.TOKEN]) == (description,)
    spoiled.unlink()


def test_example_addresses_are_not_personal_data(recorded: Path) -> None:
    """IP addresses reserved for documentation may be recorded."""
    kept = (recorded / "bundle_with_personal.yaml").read_text(encoding="utf-8")
    assert http_source.ADDRESS in kept
