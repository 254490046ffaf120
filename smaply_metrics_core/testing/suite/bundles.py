"""Debug bundles in contract tests: writing them and searching their files."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.bundle.writer import README, write_bundle
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.testing.suite.lab import Lab

BUNDLE: Final = "bundle"
"""The scenario in which a bundle is written."""

Files = Mapping[str, bytes]
"""The content of each file of a bundle, by name."""


def bundle_files(lab: Lab, *, personal: bool) -> Files:
    """Return the files of the bundle of the author's survey."""
    scenario = f"{BUNDLE}_with_personal" if personal else BUNDLE
    return lab.run(scenario, lambda session: write_files(lab, session, personal=personal))


def write_files(lab: Lab, session: SourceSession, *, personal: bool) -> Files:
    """Write a bundle with a session and return its files without the README."""
    # The bundle contains survey responses and is deleted afterwards.
    with tempfile.TemporaryDirectory() as folder:
        path = write_bundle(
            Path(folder) / "bundle.zip",
            lab.secrets(),
            personal,
            lambda bundle: session.debug_export(lab.facts.survey_id, bundle),
        )
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist() if name != README}


def problem_files(files: object) -> list[str]:
    """Return the names of the files in which a bundle reports missing data.

    The list is empty for any other value.
    """
    return [name for name in files if "problem" in name] if isinstance(files, Mapping) else []


def contains_text(content: bytes, *texts: str) -> bool:
    """Whether one of several texts occurs in a content in any encoding."""
    plain = content.replace(b"\0", b"")  # For UTF-16.
    return any(
        form.encode() in plain for text in texts if text for form in (text, json.dumps(text)[1:-1])
    )


def timestamp_texts(instant: datetime | str) -> tuple[str, ...]:
    """Return the formats in which survey tools write an instant; empty for any other text."""
    if isinstance(instant, str):
        try:
            instant = datetime.fromisoformat(instant)
        except ValueError:
            return ()
    return tuple(
        text
        for at in (instant, instant.astimezone(UTC))
        for text in (f"{at:%Y-%m-%dT%H:%M:%S}", f"{at:%Y-%m-%d %H:%M:%S}", f"{at.timestamp():.0f}")
    )


def find_json_rows(
    instant: datetime, contents: Sequence[bytes]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Find the responses in JSON by the field that contains the instant of one of them.

    Returns:
        The values of that field in all responses, and the names of all fields of the responses.
    """
    timestamps = timestamp_texts(instant)
    objects = [one for content in contents for one in _json_objects(content)]
    keys = {
        key for one in objects for key, value in one.items() if str(value).startswith(timestamps)
    }
    rows = [one for one in objects if keys & one.keys()]
    instants = (str(one[key]) for one in rows for key in keys & one.keys() if one[key] is not None)
    return tuple(dict.fromkeys(instants)), frozenset(key for one in rows for key in one)


def _json_objects(content: bytes) -> Iterator[Mapping[str, object]]:
    """Yield every object of a JSON content at any depth; nothing for other contents."""
    try:
        remaining = [json.loads(content)]
    except ValueError:
        return
    while remaining:
        value = remaining.pop()
        if isinstance(value, dict):
            yield value
            remaining += value.values()
        elif isinstance(value, list):
            remaining += value
