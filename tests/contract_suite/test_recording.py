"""Cassettes: what is stored of an answer, what is refused, and what has changed since."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import httpx
import pytest

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.testing import record
from smaply_metrics_core.testing.recording.cassettes import head_of, is_as_recorded
from smaply_metrics_core.testing.recording.recorder import check
from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data
from smaply_metrics_core.testing.suite.runner import run_test
from tests.contract_suite.http_source_server import POLICY, recordable
from tests.contract_suite.mutants import http_source


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings of the small source."""
    folder = tmp_path_factory.mktemp("cassettes")
    with recordable(folder) as contract:
        found = record(contract, folder)
    assert (found.unstored_fields, found.failures) == ((), ())
    return folder


def changed(request: httpx.Request) -> httpx.Response:
    """Answer as the survey tool will in its next version."""
    answer = http_source.server(request)
    if answer.status_code != 200 or request.url.path != "/v1/surveys":
        return answer
    body = answer.json()
    for item in body["items"]:
        item["owner"] = item.pop("name")
        item["id"] = int(item["id"].removeprefix("R"))
    return httpx.Response(200, json=body)


def test_recordings_are_played_without_a_server(recorded: Path) -> None:
    """What was recorded is enough: the same tests pass when nobody answers any more."""
    with recordable(recorded) as contract:
        pass
    for name in ("test_the_numbers_are_those_of_the_account", "test_every_recording_is_played"):
        assert run_test(contract, name).outcome == "passed"


def test_a_cassette_says_where_it_comes_from(recorded: Path) -> None:
    """Its head tells when it was recorded, with which version, and the hash of its content."""
    for path in recorded.glob("*.yaml"):
        head = head_of(path)
        assert set(head) == {"recorded_at", "plugin", "content_hash"}
        assert head["content_hash"].startswith("sha256:")
        assert is_as_recorded(path)


@pytest.mark.parametrize("stray", ["stray.yaml", "check.yml", "old/check.yaml"])
def test_a_recording_that_nothing_plays_is_named(
    recorded: Path, tmp_path: Path, stray: str
) -> None:
    """A cassette that is that of no scenario fails, whatever its ending, and in any folder."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    (tmp_path / stray).parent.mkdir(exist_ok=True)
    shutil.copy(recorded / "check.yaml", tmp_path / stray)
    with recordable(tmp_path) as contract:
        pass
    said = run_test(contract, "test_every_recording_is_played").message
    assert f"Nothing plays the cassettes {stray}." in said


def test_a_change_by_hand_is_noticed(recorded: Path, tmp_path: Path) -> None:
    """A cassette that somebody has edited is not played."""
    for path in recorded.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("Remote survey", "My survey"), "utf-8")
    with recordable(tmp_path) as contract:
        pass
    verdict = run_test(contract, "test_the_list_of_surveys_is_complete")
    assert "surveys.yaml is not as it was recorded" in verdict.message


def test_recording_again_keeps_what_has_not_changed(recorded: Path) -> None:
    """A cassette with the same content keeps the date of its recording."""
    before = {path.name: path.read_bytes() for path in recorded.glob("*.yaml")}
    with recordable(recorded) as contract:
        record(contract, recorded)
    assert {path.name: path.read_bytes() for path in recorded.glob("*.yaml")} == before


def test_a_check_names_what_is_new_gone_and_of_another_type(recorded: Path) -> None:
    """Fields are told by their path; only what a source may stumble over breaks."""
    with recordable(recorded) as contract:
        assert check(contract, recorded) == ()
    with recordable(recorded, changed) as contract:
        contract.policy = dataclasses.replace(POLICY, fields=(*POLICY.fields, "owner"))
        found = check(contract, recorded)
    told = {(one.what, one.path, one.was, one.now) for one in found if one.cassette == "surveys"}
    assert ("removed", "items[].name", "text", "") in told
    assert ("changed", "items[].id", "text", "number") in told
    assert ("added", "items[].owner", "", "text") in told
    assert {one.breaks for one in found if one.what == "added"} == {False}


def test_a_field_named_status_is_no_status(recorded: Path, tmp_path: Path) -> None:
    """A field that has the name of a part of every answer is missed when it goes."""

    def answered(request: httpx.Request) -> httpx.Response:
        answer = http_source.server(request)
        return httpx.Response(answer.status_code, json={**answer.json(), "status": "done"})

    with recordable(tmp_path, answered) as contract:
        contract.policy = dataclasses.replace(POLICY, fields=(*POLICY.fields, "status"))
        record(contract, tmp_path)
    with recordable(tmp_path) as contract:
        found = check(contract, tmp_path)
    assert {(one.what, one.path, one.was) for one in found} == {("removed", "status", "text")}


def test_a_check_says_why_a_recording_is_gone(recorded: Path) -> None:
    """During an outage the change is told with what the source ended in."""
    with recordable(recorded, lambda _: httpx.Response(503, json={})) as contract:
        found = check(contract, recorded)
    gone = [one for one in found if not one.path and one.was == "a recording"]
    assert gone
    assert all("source_unavailable" in one.now for one in gone)


def test_a_check_against_nothing_is_refused(tmp_path: Path) -> None:
    """Where nothing was recorded, nothing can be said to be as it was."""
    with recordable(tmp_path) as contract, pytest.raises(InputError, match="no recording in"):
        check(contract, tmp_path / "not_there")


def test_what_the_policy_does_not_name_is_left_out(tmp_path: Path) -> None:
    """A field of an answer that is not named is not stored, and is told."""

    def talkative(request: httpx.Request) -> httpx.Response:
        answer = http_source.server(request)
        return httpx.Response(answer.status_code, json={**answer.json(), "cookie": "secret stuff"})

    with recordable(tmp_path, talkative) as contract:
        found = record(contract, tmp_path)
    assert found.unstored_fields == ("cookie",)
    assert all(b"secret stuff" not in path.read_bytes() for path in found.paths)


def test_a_parameter_that_is_not_named_is_refused(tmp_path: Path) -> None:
    """A request cannot be found again without its parameters, so all of them have to be named."""
    sending = httpx.HTTPTransport.handle_request
    with recordable(tmp_path) as contract:
        contract.policy = dataclasses.replace(POLICY, parameters=())
        with pytest.raises(AssertionError, match=r"the parameter page(.|\n)*Fix: "):
            record(contract, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert httpx.HTTPTransport.handle_request is sending  # Nothing is recorded from here on.


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (http_source.TOKEN, "a secret"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "a JSON web token"),
        ("Bearer abcdefghijklmnop", "a bearer token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("AKIAABCDEFGHIJKLMNOP", "a cloud access key"),
        ("ann@survey.example", "the e-mail address ann@survey.example"),
        ("+43 660 1234567", "the telephone number +43 660 1234567"),
        ("ann%40survey.example", "the e-mail address ann%40survey.example"),
        ("jörg@bücher.example", "the e-mail address jörg@bücher.example"),
        ("8.8.4.4", "the internet address 8.8.4.4"),
        ("2a00:1450:4001:81b::200e", "the internet address 2a00:1450:4001:81b::200e"),
    ],
)
def test_the_scanner_refuses_secrets_and_persons(recorded: Path, text: str, told: str) -> None:
    """Secrets, what looks like one, and data about persons are found wherever they stand."""
    kept = recorded / "surveys.yaml"
    spoiled = recorded.parent / "spoiled.yaml"
    content = kept.read_text(encoding="utf-8")
    assert find_sensitive_data(kept, [http_source.TOKEN]) == ()
    spoiled.write_text(content.replace("Remote survey 1", text), encoding="utf-8")
    assert find_sensitive_data(spoiled, [http_source.TOKEN]) == (told,)
    spoiled.unlink()


def test_addresses_of_examples_are_no_persons(recorded: Path) -> None:
    """Addresses that are reserved for documentation may stand in a recording."""
    kept = (recorded / "bundle_with_personal.yaml").read_text(encoding="utf-8")
    assert http_source.ADDRESS in kept
