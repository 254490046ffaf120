"""Contract tests: what a debug bundle holds."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.bundle.writer import README, write_bundle
from smaply_metrics_core.sources import SourceSession
from smaply_metrics_core.testing.suite.lab import Lab

BUNDLE: Final = "bundle"
"""The scenario in which one is written."""


class BundleContentTests(Lab):
    """Writes bundles."""

    def _bundle(self, *, personal: bool) -> dict[str, bytes]:
        scenario = f"{BUNDLE}_with_personal" if personal else BUNDLE
        return self.run(scenario, lambda session: self.written(session, personal=personal))

    def written(self, session: SourceSession, *, personal: bool) -> dict[str, bytes]:
        """Write one, and give what is in it by the name of each file."""
        # Responses of people are in it: it does not stay on the disk.
        with tempfile.TemporaryDirectory() as folder:
            path = write_bundle(
                Path(folder) / "bundle.zip",
                self.secrets(),
                personal,
                lambda bundle: session.debug_export(self.survey_id, bundle),
            )
            with zipfile.ZipFile(path) as archive:
                return {name: archive.read(name) for name in archive.namelist() if name != README}


def problems_named(files: object) -> list[str]:
    """Name the files in which a bundle says what is missing; nothing else has any."""
    return [name for name in files if "problem" in name] if isinstance(files, Mapping) else []


def holds(content: bytes, *texts: str) -> bool:
    """Whether one of some texts stands in a content, whatever its encoding."""
    plain = content.replace(b"\0", b"")  # As in UTF-16.
    return any(
        form.encode() in plain for text in texts if text for form in (text, json.dumps(text)[1:-1])
    )


def stamps_of(instant: datetime | str) -> tuple[str, ...]:
    """Give the ways in which survey tools write an instant; nothing for a text that is none."""
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


def beside(instant: datetime, contents: Sequence[bytes]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Find the responses in JSON, by the field in which the instant of one of them stands.

    Gives the texts that stand in that field in all of them, and the names of their other fields.
    """
    stamps = stamps_of(instant)
    objects = [one for content in contents for one in _objects(content)]
    keys = {key for one in objects for key, value in one.items() if str(value).startswith(stamps)}
    rows = [one for one in objects if keys & one.keys()]
    instants = (str(one[key]) for one in rows for key in keys & one.keys() if one[key] is not None)
    return tuple(dict.fromkeys(instants)), frozenset(key for one in rows for key in one)


def _objects(content: bytes) -> Iterator[Mapping[str, object]]:
    try:
        left = [json.loads(content)]
    except ValueError:
        return
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left += value.values()
        elif isinstance(value, list):
            left += value
