"""Tests that the cassettes are small, contain no sensitive data, and match the sandbox."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from vcr.cassette import Cassette

from plugins.qualtrics.tests.contract import test_contract
from plugins.qualtrics.tests.contract.account import TOKEN
from plugins.qualtrics.tests.contract.record_cassettes import record_into
from smaply_metrics_core.testing import find_sensitive_data

MOST_BYTES = 300_000


def cassettes() -> tuple[Path, ...]:
    """Return the paths of all cassettes."""
    folder = test_contract.TestQualtrics.cassettes
    assert folder is not None
    return tuple(sorted(folder.glob("*.yaml")))


def content(path: Path) -> list[Any]:
    """Return the content of a cassette with ZIP archives unpacked, since packing can differ."""
    cassette = Cassette.load(path=path, record_mode="none")
    return [
        (request.method, request.uri, request.body, dict(request.headers), answer["status"],
         answer["headers"], unpacked(answer["body"]["string"]))
        for request, answer in cassette.data
    ]  # fmt: skip


def unpacked(body: bytes) -> object:
    """Return the files of a ZIP archive; any other body is returned unchanged."""
    if not zipfile.is_zipfile(io.BytesIO(body)):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_cassettes_are_small() -> None:
    """All cassettes together are smaller than 300 kB."""
    assert 0 < sum(path.stat().st_size for path in cassettes()) < MOST_BYTES


def test_cassettes_contain_only_allowed_headers() -> None:
    """No token, cookie or machine address is recorded."""
    for path in cassettes():
        text = path.read_text(encoding="utf-8")
        assert "127.0.0.1" not in text
        for request, answer in Cassette.load(path=path, record_mode="none").data:
            assert set(request.headers) <= {"accept", "content-type"}
            assert set(answer["headers"]) <= {"content-type", "retry-after"}


def test_sensitive_data_is_found(tmp_path: Path) -> None:
    """A token or address in a body, or in a file of a ZIP archive, is found."""
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


@pytest.mark.deep(reason="records every cassette again")
def test_recording_again_changes_nothing(tmp_path: Path) -> None:
    """If the sandbox responds differently, run `make record` and review the changes."""
    again = record_into(tmp_path / "again")
    assert [path.name for path in again] == [path.name for path in cassettes()]
    for kept, new in zip(cassettes(), again, strict=True):
        assert content(new) == content(kept), f"{kept.name} differs from the sandbox's responses"
