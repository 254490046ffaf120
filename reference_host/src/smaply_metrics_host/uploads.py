"""Files that people upload as surveys: kept in the account's own folder, read by the CSV source."""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import (
    Actor,
    AlreadyExists,
    DataError,
    InputError,
    NotFound,
    Role,
    SourceStatus,
    StoreError,
)
from smaply_metrics_host.metric_form.form_context import CSV

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.datastructures import UploadFile

    from smaply_metrics_host.app_state import AppState

MOST_MEGABYTES: Final = 15
MOST_BYTES: Final = MOST_MEGABYTES * 1024 * 1024
MOST_TOGETHER: Final = 500
"""Megabytes of all files of an account: the disk is everybody's."""
BLOCK: Final = 1 << 20
OURS: Final = "uploads"
"""The folder that the host connects where nobody has connected one."""
LONGEST: Final = 100
SUFFIX: Final = ".csv"
_NAME: Final = re.compile(r"\w[\w .,()&+-]*")

EXAMPLE: Final = """\
recorded_at,status,finished,field:store,nps,satisfaction,services[],comment
2026-01-05T10:00:00+01:00,,1,Graz,10,5,advice; parking,Very friendly
2026-01-06T10:00:00+01:00,,1,Wien,9,4,advice,
2026-01-07,,1,Graz,8,4,,All fine
2026-02-01T08:30:00,,1,Wien,3,2,parking,Too slow
2026-02-02T08:30:00,,0,Wien,,1,repair,
2026-02-03T08:30:00,test,1,Wien,0,1,,Only a test
"""


async def can_upload(app_state: AppState) -> bool:
    """Whether the source that reads uploaded files is installed."""
    states = await app_state.metrics.sources.states()
    return any(one.id == CSV and one.state is SourceStatus.OK for one in states)


async def upload(
    app_state: AppState, actor: Actor, file: UploadFile, name: str, *, replace: bool
) -> str:
    """Keep an uploaded file as a survey; gives the survey's id.

    Args:
        app_state: The parts of the host.
        actor: An Editor or Admin.
        file: What was uploaded.
        name: What the survey is to be called; the file's own name when empty.
        replace: Whether a file of this name may be replaced.

    Raises:
        AlreadyExists: when there is a file of this name, and it may not be replaced.
        MetricsError: when the name or the file does not fit; whatever was there before stays.
    """
    actor.require(Role.EDITOR, "Uploading a file")
    survey = checked_name(name or Path(file.filename or "").stem)
    data = await file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InputError(
            f"The file is larger than {MOST_MEGABYTES} MB.",
            remedy="Split it by time into several files, or leave columns out.",
        )
    if b"\0" in data[:BLOCK]:
        raise DataError(
            "This is no CSV file but something like a spreadsheet.",
            remedy="Save it in your spreadsheet program as “CSV UTF-8 (comma separated)”.",
        )
    folder = await _folder(app_state, actor.account)
    await run_in_threadpool(_require_room, folder, len(data))
    placing = _UploadTransaction(folder / f"{survey}{SUFFIX}")
    await run_in_threadpool(placing.put, data, replace=replace)
    try:
        await _connected(app_state, actor.account)
        await app_state.metrics.catalog.questionnaire(actor, CSV, survey, reload=True)
    except BaseException:
        await run_in_threadpool(placing.undo)
        raise
    await run_in_threadpool(placing.done)
    await app_state.metrics.catalog.surveys(actor, CSV, reload=True)
    return survey


def checked_name(name: str) -> str:
    """Fit what a survey is to be called, as it is the name of a file too.

    Raises:
        InputError: when it could not be one.
    """
    name = unicodedata.normalize("NFC", name.strip()).removesuffix(SUFFIX).strip()
    if len(name) > LONGEST or _NAME.fullmatch(name) is None:
        raise InputError(
            "The survey's name does not fit.",
            remedy=f"Begin with a letter or digit, and use up to {LONGEST} letters, digits, "
            "spaces and dashes.",
        )
    return name


def _require_room(folder: Path, size: int) -> None:
    with _in_words():
        kept = sum(one.stat().st_size for one in folder.glob("[!.]*"))
    if kept + size > MOST_TOGETHER * 1024 * 1024:
        raise InputError(
            f"The files of this account would be larger than {MOST_TOGETHER} MB together.",
            remedy="Leave columns or old rows out, or ask whoever runs this host to remove files "
            "that no metric uses.",
        )


class _UploadTransaction:
    """Puts a file in its place, with what was there before kept aside until it is found good."""

    def __init__(self, path: Path) -> None:
        mark = secrets.token_hex(6)
        self._path = path
        # The source passes over files whose name begins with a dot.
        self._new = path.with_name(f".{mark}.new")
        self._old = path.with_name(f".{mark}.old")

    def put(self, data: bytes, *, replace: bool) -> None:
        with _in_words():
            handle = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(self._new, self._path)
            except FileExistsError:
                self._replace(may=replace)
            finally:
                self._new.unlink(missing_ok=True)

    def _replace(self, *, may: bool) -> None:
        if not may:
            raise AlreadyExists(
                f"There is a file “{self._path.stem}” already.",
                remedy="Choose another name; or tick “Replace the file of this name”: metrics that "
                "use it then follow at their next refresh.",
            )
        os.link(self._path, self._old)
        self._new.replace(self._path)

    def undo(self) -> None:
        with _in_words():
            if self._old.exists():
                self._old.replace(self._path)
            else:
                self._path.unlink(missing_ok=True)

    def done(self) -> None:
        with _in_words():
            self._old.unlink(missing_ok=True)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The file cannot be kept: {error.strerror}.",
            remedy="Ask whoever runs this host whether its disk is full or write-protected.",
        ) from None


async def _folder(app_state: AppState, account: str) -> Path:
    """Give the folder that the account's connection reads, made when it is not there.

    Raises:
        StoreError: when it does not lie in the account's own folder.
    """
    root = app_state.settings.files_of(account).resolve()
    try:
        view = await app_state.metrics.connections.show(_host_itself(account), CSV)
    except NotFound:
        named = OURS
    else:
        named = next((one.value for one in view.fields if one.name == "folder"), OURS)
    folder = (root / named).resolve()
    if not folder.is_relative_to(root):
        raise StoreError(
            "The CSV files of this account do not lie in its own folder.",
            remedy="Ask an Admin to connect a folder below the account's own.",
        )
    with _in_words():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def _connected(app_state: AppState, account: str) -> None:
    """Connect the host's own folder where nobody has connected one."""
    host = _host_itself(account)
    if any(one.source == CSV for one in await app_state.metrics.connections.list(host)):
        return
    await app_state.metrics.connections.connect(host, CSV, {"folder": OURS})


def _host_itself(account: str) -> Actor:
    """Give the host app as an Admin: Editors upload files, and only Admins connect sources."""
    return Actor(account, "smaply-metrics-host", Role.ADMIN)
