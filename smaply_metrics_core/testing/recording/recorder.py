"""Records the cassettes of a contract class, or reports the changes since the recording."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from vcr.cassette import Cassette

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.input_limits.zip_archive import unpack_zip
from smaply_metrics_core.testing.assertions import broken
from smaply_metrics_core.testing.recording.body_values import decode_json, read_json_body
from smaply_metrics_core.testing.recording.cassettes import HASH, head_of, is_as_recorded
from smaply_metrics_core.testing.recording.placeholders import SENT
from smaply_metrics_core.testing.recording.policy import named_paths
from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data
from smaply_metrics_core.testing.recording.stored_exchanges import body_of
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import contract_test_names, run_test
from smaply_metrics_core.testing.suite.subjects.http_faults import HttpFaultTests
from smaply_metrics_core.testing.suite.subjects.isolation import IsolationTests
from smaply_metrics_core.testing.suite.subjects.payloads import PayloadTests
from smaply_metrics_core.testing.suite.subjects.refusals import RefusalTests
from smaply_metrics_core.testing.suite.subjects.single_faults import SingleFaultTests

FACT_TESTS: Final = {"test_the_numbers_are_those_of_the_account"}
"""Tests of known values, which the author often takes from the first recording."""

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z_./ -]{0,39}")
"""No numbers, which placeholders contain."""

STATUS: Final = "HTTP status"
"""The name of the status among the fields of a response."""

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class RecordingChange:
    """One difference between a recording and the current responses.

    Attributes:
        what: Whether a field was added, removed, or changed its type.
        cassette: The scenario; empty for a path of the policy that names no value any more.
        request: The request, such as ``GET /v1/surveys``, with the words in its JSON body, which
            tell the operations of one URL apart: ``POST /rpc method=list_surveys``.
        path: The field of the response, such as ``result.elements[].id``; empty for a request.
        was: The types of the field in the recording.
        now: The types of the field in the current response.
    """

    what: What
    cassette: str
    request: str
    path: str
    was: str = ""
    now: str = ""

    @property
    def breaks(self) -> bool:
        """Whether a source that works with the recording may fail with the current responses."""
        return self.what != "added"


@dataclass(frozen=True)
class RecordingFinding:
    """Something in a stored cassette that must not be there.

    Attributes:
        cassette: The scenario.
        what: A description, such as ``a secret``.
    """

    cassette: str
    what: str


@dataclass(frozen=True)
class Recorded:
    """Newly recorded cassettes.

    Attributes:
        paths: The files.
        unstored_fields: Fields of responses that the policy excludes.
        failures: The messages of failed tests.
        unmatched_paths: Paths of the policy's redactions that named no value.
    """

    paths: tuple[Path, ...]
    unstored_fields: tuple[str, ...]
    failures: tuple[str, ...]
    unmatched_paths: tuple[str, ...] = ()


def _replay_tests() -> set[str]:
    """Return the names of the tests that replay exchanges of other tests from memory."""
    suites = (HttpFaultTests, SingleFaultTests, RefusalTests, PayloadTests, IsolationTests)
    return {name for suite in suites for name in vars(suite)}


@contextmanager
def _recorded(contract: type[SourceContract]) -> Iterator[Recorded]:
    """Yield the cassettes in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:

        class Recording(contract):  # type: ignore[misc, valid-type]  # A dynamic base class.
            cassettes = Path(folder)
            recording = True

        names = [
            name
            for name in contract_test_names(Recording)
            if name not in FACT_TESTS | _replay_tests()
        ]
        results = [run_test(Recording, name) for name in names]
        lab = Recording().lab
        redactions = contract.policy.redactions if contract.policy else ()
        paths = [path for one in redactions for path in named_paths(one)]
        yield Recorded(
            tuple(sorted(Path(folder).glob("*.yaml"))),
            tuple(sorted(lab.unstored_fields)),
            tuple(f"{one.test}: {one.message}" for one in results if one.outcome == "failed"),
            tuple(str(path) for path in paths if path not in lab.matched_paths),
        )


def record(contract: type[SourceContract], folder: Path) -> Recorded:
    """Record the cassettes of a contract class by running its tests against the real service.

    An unchanged cassette is not replaced and keeps its date.

    Args:
        contract: A class with ``credentials`` of the real service.
        folder: The folder of the cassettes; existing ones are replaced.

    Raises:
        AssertionError: if a test fails, or a path of the policy names no value; existing cassettes
            are then unchanged.
    """
    with _recorded(contract) as new:
        if new.failures:
            raise broken("\n".join(new.failures), "correct the failures; nothing was recorded")
        if new.unmatched_paths:
            raise broken(
                "These paths of RecordingPolicy.redactions named no text or number: "
                f"{', '.join(new.unmatched_paths)}.",
                "correct or remove them; nothing was recorded",
            )
        folder.mkdir(parents=True, exist_ok=True)
        existing = {path.name: path for path in folder.glob("*.yaml")}
        names = {path.name for path in new.paths}
        for path in new.paths:
            old = existing.get(path.name)
            if old is None or head_of(old).get(HASH) != head_of(path).get(HASH):
                shutil.copy(path, folder)
        for name in existing.keys() - names:
            existing[name].unlink()
        paths = tuple(folder / path.name for path in new.paths)
        return Recorded(paths, new.unstored_fields, ())


def check(contract: type[SourceContract], folder: Path) -> tuple[RecordingChange, ...]:
    """Return the differences between the stored and a new recording, which is not stored.

    Args:
        contract: A class with ``credentials`` of the real service.
        folder: The folder of the cassettes.

    Raises:
        InputError: if the folder has no cassettes, or one was changed after it was recorded.
    """
    stored = sorted(folder.glob("*.yaml"))
    if not stored:
        raise InputError(
            f"There are no recordings in {folder}.",
            remedy="Record first, without --check, or choose the folder with --output.",
        )
    changed = [path.name for path in stored if not is_as_recorded(path)]
    if changed:
        raise InputError(
            f"These recordings were changed after they were recorded: {', '.join(changed)}.",
            remedy="Restore them, or record again without --check.",
        )
    with _recorded(contract) as new:
        names = {path.stem: path for path in new.paths}
        reason = f": {new.failures[0].partition(chr(10))[0]}" if new.failures else ""
        found = [
            RecordingChange("removed", "", "", path, "a text or a number", "nothing")
            for path in (() if new.failures else new.unmatched_paths)
        ]
        for old in stored:
            if old.stem in names:
                found += differences(old, names[old.stem])
            else:
                found.append(
                    RecordingChange("removed", old.stem, "", "", "a recording", f"nothing{reason}")
                )
        return tuple(found)


def sensitive_data(contract: type[SourceContract], folder: Path) -> tuple[RecordingFinding, ...]:
    """Return what the stored cassettes must not contain: secrets, keys and personal data.

    Args:
        contract: A class with ``credentials`` of the real service.
        folder: The folder of the cassettes.
    """
    secrets = contract().lab.secrets()
    return tuple(
        RecordingFinding(path.stem, what)
        for path in sorted(folder.glob("*.yaml"))
        for what in find_sensitive_data(
            path, secrets, policy=contract.policy, sign_in=contract.sign_in
        )
    )


def differences(old: Path, new: Path) -> Iterator[RecordingChange]:
    """Yield the differences between two recordings of one scenario, request by request."""
    was, now = _requests(old), _requests(new)
    for request in [*was, *(one for one in now if one not in was)]:
        if request not in now:
            yield RecordingChange("removed", old.stem, request, "", "requested", "not requested")
        elif request not in was:
            yield RecordingChange("added", old.stem, request, "", "not requested", "requested")
        else:
            yield from _field_differences(old.stem, request, was[request], now[request])


Types = Mapping[str, frozenset[str]]


def _field_differences(
    cassette: str, request: str, was: Types, now: Types
) -> Iterator[RecordingChange]:
    for path in sorted({*was, *now}):
        before, after = was.get(path, frozenset()), now.get(path, frozenset())
        types = " or ".join(sorted(before)), " or ".join(sorted(after))
        if not before:
            yield RecordingChange("added", cassette, request, path, *types)
        elif not after:
            yield RecordingChange("removed", cassette, request, path, *types)
        elif after - before:
            yield RecordingChange("changed", cassette, request, path, *types)


def _requests(path: Path) -> Mapping[str, Types]:
    """Return the types of all response fields for each request, without its parameters."""
    found: dict[str, dict[str, set[str]]] = {}
    for request, response in Cassette.load(path=path, record_mode="none").data:
        words = (request.method, request.uri.partition("?")[0], *_words(body_of(request)))
        key = " ".join(words)
        fields = found.setdefault(key, {})
        fields.setdefault(STATUS, set()).add(str(response["status"]["code"]))
        for path_in_body, kind in _fields(body_of(response)):
            fields.setdefault(path_in_body, set()).add(kind)
    return {
        key: {name: frozenset(kinds) for name, kinds in fields.items()}
        for key, fields in found.items()
    }


def _words(body: bytes) -> Iterator[str]:
    """Yield the fields of a request that are words, such as the method of JSON-RPC."""
    try:
        value = read_json_body(body)
    except ValueError:
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, str) and item != SENT and _WORD.fullmatch(item):
                yield f"{name}={item}"


def _fields(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the path and type of each field of a body in JSON, CSV or a ZIP of these."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        for number, (_, data) in enumerate(unpack_zip(content), start=1):
            for path, kind in _fields_of_file(data):
                yield f"file {number}: {path}", kind
        return
    yield from _fields_of_file(content)


def _fields_of_file(content: bytes) -> Iterator[tuple[str, str]]:
    try:
        value = read_json_body(content)
    except ValueError:
        header = next(csv.reader(io.StringIO(content.decode(errors="replace"))), [])
        yield from ((f"column {name}", "text") for name in header)
        return
    yield from _json_fields(value, "")


def _json_fields(value: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # JSON.
    yield path or "the response", _type(value)
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _json_fields(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _json_fields(item, f"{path}[]")
    elif isinstance(value, str) and (inner := decode_json(value)) is not None:
        yield from _json_fields(inner[0], path)


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
    return "object"
