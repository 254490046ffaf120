"""Uploaded files that a person previews, before anything is stored for the account."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.files import FileMapping
from smaply_metrics_core.host import NotFound
from smaply_metrics_host.downloads import ProcessFolder
from smaply_metrics_host.uploads.upload_transactions import file_errors

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import Clock
    from smaply_metrics_host.metric_form.form_data import MetricForm
    from smaply_metrics_host.store.people import Person

FOLDER: Final = "staged_uploads"
EXPIRY_SECONDS: Final = 3600.0
MOST_STORED: Final = 40
"""Files of all accounts together. Each has a limited size."""
MOST_OF_ONE: Final = 3
"""Files of one person, so that those of others are not removed first."""


@dataclass(frozen=True)
class StagedUpload:
    """An uploaded file and what its person stated about it.

    Attributes:
        id: Its id.
        file_name: The name of the file on the person's computer.
        form: The metric form to continue with.
        survey: The name of the survey.
        stated: How the file is read, as far as the person stated it.
        shown: How the last preview was read; empty before the first one.
    """

    id: str
    file_name: str
    form: MetricForm
    survey: str
    stated: FileMapping = field(default_factory=FileMapping)
    shown: FileMapping = field(default_factory=FileMapping)


@dataclass(frozen=True)
class _StagedFile:
    at: float
    owner: tuple[str, str]
    upload: StagedUpload


class StagedUploads:
    """The staged uploads of this process, each stored for an hour at most.

    The files of a process that was killed are deleted on the next start.

    Args:
        home: The data folder of the host.
        clock: The clock for their expiry.
    """

    def __init__(self, home: Path, clock: Clock) -> None:
        self._folder = ProcessFolder(home / FOLDER)
        self._clock = clock
        self._entries: OrderedDict[str, _StagedFile] = OrderedDict()

    async def put(self, person: Person, upload: StagedUpload, data: bytes) -> None:
        """Stage a file; the oldest ones beyond the limits are removed.

        Beyond the limit of all accounts, they are removed from the account with most of them, so
        that one account cannot remove the files of the others.

        Raises:
            StoreError: if the file cannot be written.
        """
        self._expire()
        owner = (person.account, person.id)
        own = [one for one, entry in self._entries.items() if entry.owner == owner]
        for oldest in own[: -MOST_OF_ONE + 1]:
            self._remove(oldest)
        while len(self._entries) >= MOST_STORED:
            self._remove(self._oldest_of_largest())
        self._entries[upload.id] = _StagedFile(self._clock.monotonic(), owner, upload)
        try:
            await run_in_threadpool(_write, self._folder.path(upload.id), data)
        except BaseException:
            self._remove(upload.id)
            raise
        if upload.id not in self._entries:  # Removed while it was written.
            self._folder.path(upload.id).unlink(missing_ok=True)
        # The file may have personal data, so it is deleted without another call.
        asyncio.get_running_loop().call_later(EXPIRY_SECONDS + 1, self._expire)

    def find(self, person: Person, upload_id: str) -> StagedUpload:
        """Return a staged upload of this person.

        Raises:
            NotFound: if the person has no such upload, or it has expired.
        """
        self._expire()
        entry = self._entries.get(upload_id)
        if entry is None or entry.owner != (person.account, person.id):
            raise _expired()
        return entry.upload

    async def read(self, upload: StagedUpload) -> bytes:
        """Return the content of a staged file.

        Raises:
            NotFound: if it was removed in the meantime.
            StoreError: if it cannot be read.
        """
        with file_errors():
            try:
                return await run_in_threadpool(self._folder.path(upload.id).read_bytes)
            except FileNotFoundError:
                raise _expired() from None

    def change(self, upload: StagedUpload) -> None:
        """Replace what is known about a staged file, unless it was removed in the meantime."""
        entry = self._entries.get(upload.id)
        if entry is not None:
            self._entries[upload.id] = _StagedFile(entry.at, entry.owner, upload)

    def show(self, upload: StagedUpload, mapping: FileMapping) -> None:
        """Store how a preview was read, unless another choice was made in the meantime."""
        entry = self._entries.get(upload.id)
        if entry is not None and entry.upload.stated == upload.stated:
            self.change(replace(entry.upload, shown=mapping))

    def discard(self, upload: StagedUpload) -> None:
        """Delete a staged file."""
        self._remove(upload.id)

    def close(self) -> None:
        """Delete the files of this process."""
        self._entries.clear()
        self._folder.close()

    def _oldest_of_largest(self) -> str:
        """Return the oldest upload of the account with most of them."""
        accounts = Counter(entry.owner[0] for entry in self._entries.values())
        ((largest, _),) = accounts.most_common(1)
        return next(one for one, entry in self._entries.items() if entry.owner[0] == largest)

    def _expire(self) -> None:
        until = self._clock.monotonic() - EXPIRY_SECONDS
        for expired in [one for one, entry in self._entries.items() if entry.at <= until]:
            self._remove(expired)

    def _remove(self, upload_id: str) -> None:
        if self._entries.pop(upload_id, None) is not None:
            self._folder.path(upload_id).unlink(missing_ok=True)


def new_upload_id() -> str:
    """Return an id that cannot be guessed."""
    return secrets.token_hex(12)


def _write(path: Path, data: bytes) -> None:
    with file_errors():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)


def _expired() -> NotFound:
    return NotFound("This upload has expired.", remedy="Choose the file again.")
