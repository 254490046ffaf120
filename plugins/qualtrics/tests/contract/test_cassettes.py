"""The cassettes are small, clean, and what the sandbox answers today."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from vcr.cassette import Cassette

from plugins.qualtrics.tests.contract import test_contract
from plugins.qualtrics.tests.contract.account import TOKEN
from plugins.qualtrics.tests.contract.record_cassettes import record_into
from smaply_metrics_core.testing import find_sensitive_data

MOST_BYTES = 300_000


def cassettes() -> tuple[Path, ...]:
    """The cassettes that are kept."""
    folder = test_contract.TestQualtrics.cassettes
    assert folder is not None
    return tuple(sorted(folder.glob("*.yaml")))


def content(path: Path) -> list[Any]:
    """Give what a cassette holds, with its ZIPs unpacked: how they are packed may differ."""
    cassette = Cassette.load(path=path, record_mode="none")
    return [
        (request.method, request.uri, request.body, dict(request.headers), answer["status"],
         answer["headers"], unpacked(answer["body"]["string"]))
        for request, answer in cassette.data
    ]  # fmt: skip


def unpacked(body: bytes) -> object:
    """Give the files of a ZIP, and anything else as it is."""
    if not zipfile.is_zipfile(io.BytesIO(body)):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_they_are_small() -> None:
    """All cassettes together stay below 300 kB."""
    assert 0 < sum(path.stat().st_size for path in cassettes()) < MOST_BYTES


def test_they_hold_no_header_that_is_not_allowed() -> None:
    """Only the named headers were stored: no token, no cookie, no address of a machine."""
    for path in cassettes():
        text = path.read_text(encoding="utf-8")
        assert "127.0.0.1" not in text
        for request, answer in Cassette.load(path=path, record_mode="none").data:
            assert set(request.headers) <= {"accept", "content-type"}
            assert set(answer["headers"]) <= {"content-type", "retry-after"}


def test_the_search_finds_what_must_not_be_there(tmp_path: Path) -> None:
    """A token or an address in a body, or in a file inside an exported ZIP, is found."""
    kept = next(path for path in cassettes() if path.stem == "check")
    spoiled = tmp_path / "spoiled.yaml"
    text = kept.read_text(encoding="utf-8")
    assert find_sensitive_data(kept, [TOKEN]) == ()
    spoiled.write_text(text.replace("UR_sandbox00000001", TOKEN), encoding="utf-8")
    assert find_sensitive_data(spoiled, [TOKEN]) == ("a secret",)
    spoiled.write_text(text.replace("UR_sandbox00000001", "a@b.example"), encoding="utf-8")
    assert find_sensitive_data(spoiled, [TOKEN]) == ("the e-mail address a@b.example",)
    bundle = next(path for path in cassettes() if path.stem == "bundle_with_personal")
    assert find_sensitive_data(bundle, ["192.0.2.213"]) == ("a secret",)
    assert b"192.0.2.213" not in bundle.read_bytes()


def test_recording_again_changes_nothing(tmp_path: Path) -> None:
    """The sandbox still answers what was recorded; if not, `make record` and look."""
    again = record_into(tmp_path / "again")
    assert [path.name for path in again] == [path.name for path in cassettes()]
    for kept, new in zip(cassettes(), again, strict=True):
        assert content(new) == content(kept), f"{kept.name} is not what the sandbox answers"
