"""Uploaded survey files, stored in the folder of the account and read by the CSV source."""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.files import FileMapping
from smaply_metrics_core.host import (
    Actor,
    Audience,
    ConnectionView,
    ExportFailed,
    InputError,
    Metric,
    Role,
    SourceStatus,
    StoreError,
)
from smaply_metrics_host.metric_form.form_context import CSV
from smaply_metrics_host.uploads.upload_reading import FileRequest, convert_upload
from smaply_metrics_host.uploads.upload_transactions import UploadTransaction, file_errors

if TYPE_CHECKING:
    from smaply_metrics_core.host import AsyncMetricsHost, Clock
    from smaply_metrics_host.settings import HostSettings

MOST_TOGETHER: Final = 500
"""Megabytes of all files of an account, which share the disk with other accounts."""
MOST_FILES: Final = 1_000
"""The maximum number of files in the folder that an account uploads to."""
OURS: Final = "uploads"
"""The folder that the host connects if the account has no CSV connection."""
LONGEST: Final = 100
SUFFIX: Final = ".csv"
MOST_NAME_BYTES: Final = 200
"""File systems allow 255, and the names of temporary files are longer."""
LARGEST_MAPPING: Final = 8 * 2**20
"""Bytes of a mapping with the names of 3,000 columns."""
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


class UploadedSurvey(NamedTuple):
    """The id of a survey, and of the connection that reads it."""

    connection: str
    survey: str


@dataclass(frozen=True)
class StoredSurvey:
    """A survey that an uploaded file would replace.

    Attributes:
        mapping: How its file was read; empty if it was not uploaded.
        metrics: The metrics of the survey.
    """

    mapping: FileMapping
    metrics: tuple[Metric, ...]


class UploadStorage:
    """Stores uploaded files in the folders of their accounts, and connects the folders.

    Args:
        metrics: The framework.
        settings: The settings of the host.
        clock: The clock that limits the time of reading a file.
    """

    def __init__(self, metrics: AsyncMetricsHost, settings: HostSettings, clock: Clock) -> None:
        self._metrics = metrics
        self._settings = settings
        self._clock = clock

    async def is_available(self) -> bool:
        """Whether the source that reads uploaded files is installed."""
        states = await self._metrics.sources.states()
        return any(one.id == CSV and one.state is SourceStatus.OK for one in states)

    async def store(
        self, actor: Actor, survey: str, request: FileRequest, *, replace: bool
    ) -> UploadedSurvey:
        """Store an uploaded file as a survey, with the mapping that it was read with.

        Few calls may run at once, since the file takes memory while it is read and validated.

        Args:
            actor: An Editor or Admin.
            survey: The name of the survey, as ``checked_name`` returned it.
            request: The file, and how it is read.
            replace: Whether a file with this name may be replaced.

        Raises:
            AlreadyExists: if a file with this name exists and must not be replaced.
            MetricsError: if the file is not valid; an existing file is left unchanged.
        """
        actor.require(Role.EDITOR, "Uploading a file")
        data, mapping = await run_in_threadpool(convert_upload, request, self._clock)
        folder = self._folder(actor.account, await self._connection(actor.account))
        with file_errors():
            await run_in_threadpool(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        await run_in_threadpool(_require_room, folder, len(data), survey)
        transaction = UploadTransaction(folder / f"{survey}{SUFFIX}")
        await run_in_threadpool(transaction.put, data, replace=replace)
        connected = ""
        try:
            view = await self._connection(actor.account)
            if view is None:
                connected = await self._connect(actor.account)
            connection = connected if view is None else view.id
            await self._metrics.catalog.questionnaire(actor, connection, survey, reload=True)
        except BaseException:
            await run_in_threadpool(transaction.undo)
            if connected and not any(folder.glob("[!.]*")):  # Its only file was refused.
                await self._metrics.connections.delete(_host_itself(actor.account), connected)
            raise
        await run_in_threadpool(transaction.done)
        await self._metrics.cards.make_due(actor, connection, survey)
        with suppress(StoreError):  # Only a proposal for the next file.
            await run_in_threadpool(_store_mapping, folder / _mapping_name(survey), mapping)
        await self._metrics.catalog.surveys(actor, connection, reload=True)
        return UploadedSurvey(connection, survey)

    async def find(self, actor: Actor, survey: str) -> StoredSurvey | None:
        """Return the survey that a file with this name would replace; ``None`` without one."""
        view = await self._connection(actor.account)
        folder = self._folder(actor.account, view)
        if not (folder / f"{survey}{SUFFIX}").is_file():
            return None
        metrics = await self._metrics.metrics.list(actor) if view else ()
        return StoredSurvey(
            await run_in_threadpool(_stored_mapping, folder / _mapping_name(survey)),
            tuple(
                one
                for one in metrics
                if view and (one.connection_id, one.definition.survey_id) == (view.id, survey)
            ),
        )

    def _folder(self, account: str, view: ConnectionView | None) -> Path:
        """Return the folder that the connection for uploads reads, which may not exist yet.

        Args:
            account: The account.
            view: The connection; ``None`` if there is none yet.

        Raises:
            StoreError: if it is outside the account's folder.
        """
        root = self._settings.files_of(account).resolve()
        named = OURS if view is None else _folder_name(view)
        folder = (root / named).resolve()
        if not folder.is_relative_to(root):
            raise StoreError(
                "The folder of the CSV connection is outside the folder of this account.",
                remedy="Edit the configuration of the CSV connection and enter a folder inside it.",
                audience=Audience.ADMIN,
                summary="Files cannot be uploaded because of the configuration of the CSV "
                "connection.",
            )
        return folder

    async def _connect(self, account: str) -> str:
        """Connect the folder for uploads, and return the id of the connection."""
        host = _host_itself(account)
        view = await self._metrics.connections.connect(host, CSV, {"folder": OURS})
        return view.id

    async def _connection(self, account: str) -> ConnectionView | None:
        """Return the CSV connection of the folder for uploads, or else the oldest one."""
        views = await self._metrics.connections.list(_host_itself(account))
        found = [one for one in views if one.source == CSV]
        ours = (one for one in found if _folder_name(one) == OURS)
        return next(ours, found[0] if found else None)


def mapping_file(mapping: FileMapping) -> bytes:
    """Return the content of a mapping file, as the source of CSV files reads it."""
    return mapping.model_dump_json(indent=2, exclude_none=True).encode()


def _mapping_name(survey: str) -> str:
    """Return the file with the mapping of an uploaded file, which the source does not read."""
    return f".{survey}.mapping.json"


def _store_mapping(path: Path, mapping: FileMapping) -> None:
    transaction = UploadTransaction(path)
    transaction.put(mapping_file(mapping), replace=True)
    transaction.done()


def _stored_mapping(path: Path) -> FileMapping:
    try:
        with path.open("rb") as file:
            return FileMapping.parse(file.read(LARGEST_MAPPING), path.name)
    except (OSError, ExportFailed):  # Only a proposal: without it, the file is recognised.
        return FileMapping()


def checked_name(name: str) -> str:
    """Return the normalized name of a survey, which is also a file name.

    Raises:
        InputError: if it is not a valid file name.
    """
    name = unicodedata.normalize("NFC", name.strip()).removesuffix(SUFFIX).strip()
    if len(os.fsencode(name)) > MOST_NAME_BYTES:
        raise InputError("The name of the survey is too long.", remedy="Choose a shorter name.")
    if len(name) > LONGEST or _NAME.fullmatch(name) is None:
        raise InputError(
            "The name of the survey is not valid.",
            remedy=f"Start with a letter or digit, and use up to {LONGEST} letters, digits, "
            "spaces and dashes.",
        )
    return name


def _require_room(folder: Path, size: int, survey: str) -> None:
    with file_errors():
        found: dict[str, int] = {}
        for one in folder.iterdir():
            with suppress(FileNotFoundError):  # A temporary file of another upload.
                found[one.name] = one.stat().st_size
    files = [name for name in found if not name.startswith(".")]
    if len(files) >= MOST_FILES and not (folder / f"{survey}{SUFFIX}").exists():
        raise InputError(
            f"This account already has {MOST_FILES:,} files.",
            remedy="Replace an existing file, or ask the operator to delete files that no metric "
            "uses.",
        )
    if sum(found.values()) + size > MOST_TOGETHER * 1024 * 1024:
        raise InputError(
            f"The files of this account would exceed {MOST_TOGETHER} MB.",
            remedy="Remove columns or old rows, or ask the operator to delete files that no "
            "metric uses.",
        )


def _folder_name(view: ConnectionView) -> str:
    return next((one.value for one in view.fields if one.name == "folder"), OURS)


def _host_itself(account: str) -> Actor:
    """Return the host app as an Admin, because Editors upload files but cannot connect sources."""
    return Actor(account, "smaply-metrics-host", Role.ADMIN)
