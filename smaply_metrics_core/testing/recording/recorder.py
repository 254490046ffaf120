"""Records a contract's cassettes anew, or says what has changed since they were recorded."""

from __future__ import annotations

import csv
import io
import json
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
from smaply_metrics_core.testing.assertions import broken
from smaply_metrics_core.testing.recording.cassettes import HASH, head_of
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import names_of_tests, run_test
from smaply_metrics_core.testing.suite.subjects.http_faults import HttpFaultTests
from smaply_metrics_core.testing.suite.subjects.isolation import IsolationTests

OF_FACTS: Final = {"test_the_numbers_are_those_of_the_account"}
"""Tests of what the author knows, which is often read off the first recording."""

STATUS: Final = "HTTP status"
"""Stands for it among the fields of an answer, in words that no field has for its name."""

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class RecordingChange:
    """One difference between what was recorded and what answers now.

    Attributes:
        what: Whether a field is new, gone, or of another type.
        cassette: In which scenario.
        request: In the answer to what, as ``GET /v1/surveys``.
        path: Which field, as in ``result.elements[].id``; empty for a whole request.
        was: Its types when it was recorded.
        now: Its types now.
    """

    what: What
    cassette: str
    request: str
    path: str
    was: str = ""
    now: str = ""

    @property
    def breaks(self) -> bool:
        """Whether a source that read what was recorded may fail on it."""
        return self.what != "added"


@dataclass(frozen=True)
class Recorded:
    """Cassettes as they were just recorded.

    Attributes:
        paths: The files.
        left_out: Fields of answers that the policy does not name.
        failed: What the tests said that failed meanwhile.
    """

    paths: tuple[Path, ...]
    left_out: tuple[str, ...]
    failed: tuple[str, ...]


def _of_memory() -> set[str]:
    """Name the tests that play from memory what others have asked for."""
    return {name for suite in (HttpFaultTests, IsolationTests) for name in vars(suite)}


@contextmanager
def _recorded(contract: type[SourceContract]) -> Iterator[Recorded]:
    """Record into a folder that goes with the ``with`` block."""
    with tempfile.TemporaryDirectory() as place:

        class Recording(contract):  # type: ignore[misc, valid-type]  # Made while it runs.
            cassettes = Path(place)
            recording = True

        wanted = [name for name in names_of_tests(Recording) if name not in OF_FACTS | _of_memory()]
        verdicts = [run_test(Recording, name) for name in wanted]
        yield Recorded(
            tuple(sorted(Path(place).glob("*.yaml"))),
            tuple(sorted(Recording._not_stored)),  # noqa: SLF001  # Made of our own class.
            tuple(f"{one.test}: {one.said}" for one in verdicts if one.outcome == "failed"),
        )


def record(contract: type[SourceContract], folder: Path) -> Recorded:
    """Record a contract's cassettes anew, by running all of its tests against what answers now.

    A cassette whose content is what it was stays as it is, with the date of its recording.

    Args:
        contract: Its ``credentials`` have to lead where answers are to be recorded.
        folder: Where the cassettes go; those that are there are replaced.

    Raises:
        AssertionError: when a test fails; the cassettes that were there stay then.
    """
    with _recorded(contract) as new:
        if new.failed:
            raise broken("\n".join(new.failed), "mend what fails; nothing was recorded")
        folder.mkdir(parents=True, exist_ok=True)
        kept = {path.name: path for path in folder.glob("*.yaml")}
        names = {path.name for path in new.paths}
        for path in new.paths:
            old = kept.get(path.name)
            if old is None or head_of(old).get(HASH) != head_of(path).get(HASH):
                shutil.copy(path, folder)
        for name in kept.keys() - names:
            kept[name].unlink()
        paths = tuple(folder / path.name for path in new.paths)
        return Recorded(paths, new.left_out, ())


def check(contract: type[SourceContract], folder: Path) -> tuple[RecordingChange, ...]:
    """Record again, keep nothing of it, and say what answers otherwise than it did.

    Args:
        contract: Its ``credentials`` have to lead where answers come from.
        folder: Where the cassettes are.

    Raises:
        InputError: when there are none.
    """
    if not any(folder.glob("*.yaml")):
        raise InputError(
            f"There is no recording in {folder} to compare with.",
            remedy="Record first, without --check; or name the folder of the recordings.",
        )
    with _recorded(contract) as new:
        names = {path.stem: path for path in new.paths}
        why = f": {new.failed[0].partition(chr(10))[0]}" if new.failed else ""
        found: list[RecordingChange] = []
        for old in sorted(folder.glob("*.yaml")):
            if old.stem in names:
                found += compared(old, names[old.stem])
            else:
                found.append(
                    RecordingChange("removed", old.stem, "", "", "a recording", f"nothing{why}")
                )
        return tuple(found)


def compared(old: Path, new: Path) -> Iterator[RecordingChange]:
    """Give the differences between two recordings of one scenario, request by request."""
    was, now = _requests(old), _requests(new)
    for request in [*was, *(one for one in now if one not in was)]:
        if request not in now:
            yield RecordingChange("removed", old.stem, request, "", "asked", "not asked")
        elif request not in was:
            yield RecordingChange("added", old.stem, request, "", "not asked", "asked")
        else:
            yield from _between(old.stem, request, was[request], now[request])


Types = Mapping[str, frozenset[str]]


def _between(cassette: str, request: str, was: Types, now: Types) -> Iterator[RecordingChange]:
    for path in sorted({*was, *now}):
        before, after = was.get(path, frozenset()), now.get(path, frozenset())
        told = " or ".join(sorted(before)), " or ".join(sorted(after))
        if not before:
            yield RecordingChange("added", cassette, request, path, *told)
        elif not after:
            yield RecordingChange("removed", cassette, request, path, *told)
        elif after - before:
            yield RecordingChange("changed", cassette, request, path, *told)


def _requests(path: Path) -> Mapping[str, Types]:
    """Give for each request, without its values, the types of every field of its answers."""
    found: dict[str, dict[str, set[str]]] = {}
    for request, answer in Cassette.load(path=path, record_mode="none").data:
        asked = f"{request.method} {request.uri.partition('?')[0]}"
        fields = found.setdefault(asked, {})
        fields.setdefault(STATUS, set()).add(str(answer["status"]["code"]))
        for where, kind in _fields(answer["body"]["string"] or b""):
            fields.setdefault(where, set()).add(kind)
    return {
        asked: {where: frozenset(kinds) for where, kinds in fields.items()}
        for asked, fields in found.items()
    }


def _fields(content: bytes) -> Iterator[tuple[str, str]]:
    """Give path and type of everything in an answer: of JSON, a table's columns, or a ZIP."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for number, name in enumerate(archive.namelist()):
                for where, kind in _fields(archive.read(name)):
                    yield f"file {number + 1}: {where}", kind
        return
    try:
        value = json.loads(content)
    except ValueError:
        header = next(csv.reader(io.StringIO(content.decode(errors="replace"))), [])
        yield from ((f"column {name}", "text") for name in header)
        return
    yield from _walked(value, "")


def _walked(value: Any, where: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # JSON.
    yield where or "the answer", _type(value)
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _walked(item, f"{where}.{name}".lstrip("."))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _walked(item, f"{where}[]")


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
