"""Uploaded survey files, stored in the folder of the account and read by the CSV source."""

from __future__ import annotations

import io
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.files import (
    CsvLimits,
    Deadline,
    FileMapping,
    read_file_table,
    responses_as_csv,
)
from smaply_metrics_core.host import (
    Actor,
    Audience,
    ConnectionView,
    DeadlineExceeded,
    InputError,
    Role,
    SourceStatus,
    StoreError,
)
from smaply_metrics_host.metric_form.form_context import CSV
from smaply_metrics_host.upload_transactions import UploadTransaction, file_errors

if TYPE_CHECKING:
    from starlette.datastructures import UploadFile

    from smaply_metrics_host.app_state import AppState

MOST_MEGABYTES: Final = 15
MOST_BYTES: Final = MOST_MEGABYTES * 1024 * 1024
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
MOST_SECONDS: Final = 60
"""The time in which a file must be read. Two are read at once, and the others wait."""
MOST_CONVERTED: Final = 100 * 2**20
"""Bytes of a file as the source reads it; a workbook is smaller, since it is compressed."""
LIMITS: Final = CsvLimits(columns=3_000, rows=1_000_000, cells=10_000_000)
"""Those of the source that reads the files."""
_ANSWERS: Final = {
    "encoding": "Choose the encoding under “How the file is read”.",
    "columns": "Enter the name of the column under “How the file is read”.",
    "dates": "Choose the order of dates under “How the file is read”.",
    "decimal": "Choose the decimal sign under “How the file is read”.",
}
"""The remedy of each open question of a file."""
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


class UploadedSurvey(NamedTuple):
    """The id of a survey, and of the connection that reads it."""

    connection: str
    survey: str


async def upload(  # noqa: PLR0913  # Two of them are options of the form.
    app_state: AppState,
    actor: Actor,
    file: UploadFile,
    name: str,
    *,
    mapping: FileMapping | None = None,
    replace: bool,
) -> UploadedSurvey:
    """Store an uploaded file as a survey.

    Args:
        app_state: The resources of the app.
        actor: An Editor or Admin.
        file: The uploaded file.
        name: The name of the survey; the name of the file if empty.
        mapping: What the person stated about the file.
        replace: Whether a file with this name may be replaced.

    Raises:
        AlreadyExists: if a file with this name exists and must not be replaced.
        MetricsError: if the name or the file is not valid; an existing file is left unchanged.
    """
    actor.require(Role.EDITOR, "Uploading a file")
    survey = checked_name(name or Path(file.filename or "").stem)
    async with app_state.uploading:
        return await _stored(
            app_state, actor, file, survey, mapping=mapping or FileMapping(), replace=replace
        )


async def _stored(  # noqa: PLR0913  # As above.
    app_state: AppState,
    actor: Actor,
    file: UploadFile,
    survey: str,
    *,
    mapping: FileMapping,
    replace: bool,
) -> UploadedSurvey:
    data = await file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InputError(
            f"The file is larger than {MOST_MEGABYTES} MB.",
            remedy="Split it by time into several files, or remove columns.",
        )
    deadline = Deadline.after(MOST_SECONDS, app_state.clock)
    data = await run_in_threadpool(_converted, data, mapping, deadline)
    folder = await _folder(app_state, actor.account)
    await run_in_threadpool(_require_room, folder, len(data), survey)
    transaction = UploadTransaction(folder / f"{survey}{SUFFIX}")
    await run_in_threadpool(transaction.put, data, replace=replace)
    connected = ""
    try:
        view = await _connection(app_state, actor.account)
        if view is None:
            connected = await _connect(app_state, actor.account)
        connection = connected if view is None else view.id
        await app_state.metrics.catalog.questionnaire(actor, connection, survey, reload=True)
    except BaseException:
        await run_in_threadpool(transaction.undo)
        if connected and not any(folder.glob("[!.]*")):  # Its only file was refused.
            await app_state.metrics.connections.delete(_host_itself(actor.account), connected)
        raise
    await run_in_threadpool(transaction.done)
    await app_state.metrics.catalog.surveys(actor, connection, reload=True)
    return UploadedSurvey(connection, survey)


def _converted(data: bytes, mapping: FileMapping, deadline: Deadline) -> bytes:
    """Return the responses of a file as CSV that is read without a mapping.

    Raises:
        InputError: if something about the file is unclear, to be stated in the form, or if reading
            or storing it takes too much.
        ExportFailed: if the file is not valid.
    """
    try:
        table = read_file_table(io.BytesIO(data), mapping, limits=LIMITS, deadline=deadline)
        for question in table.open_questions:
            unclear = InputError(question.message, remedy=_ANSWERS[question.name])
            unclear.excerpt = question.excerpt
            raise unclear
        converted = responses_as_csv(table.responses(deadline=deadline))
    except DeadlineExceeded:
        raise InputError(
            f"Reading the file takes more than {MOST_SECONDS} seconds.",
            remedy="Split it by time into several files, or save it as “CSV UTF-8”.",
        ) from None
    if len(converted) > MOST_CONVERTED:
        raise InputError(
            f"The responses of the file take more than {MOST_CONVERTED // 2**20} MB as CSV.",
            remedy="Split it by time into several files, or remove columns.",
        )
    return converted


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
        sizes = [one.stat().st_size for one in folder.glob("[!.]*")]
    if len(sizes) >= MOST_FILES and not (folder / f"{survey}{SUFFIX}").exists():
        raise InputError(
            f"This account already has {MOST_FILES:,} files.",
            remedy="Replace an existing file, or ask the operator to delete files that no metric "
            "uses.",
        )
    if sum(sizes) + size > MOST_TOGETHER * 1024 * 1024:
        raise InputError(
            f"The files of this account would exceed {MOST_TOGETHER} MB.",
            remedy="Remove columns or old rows, or ask the operator to delete files that no "
            "metric uses.",
        )


async def _folder(app_state: AppState, account: str) -> Path:
    """Return the folder that the connection for uploads reads; it is created if missing.

    Raises:
        StoreError: if it is outside the account's folder.
    """
    root = app_state.settings.files_of(account).resolve()
    view = await _connection(app_state, account)
    named = OURS if view is None else _folder_name(view)
    folder = (root / named).resolve()
    if not folder.is_relative_to(root):
        raise StoreError(
            "The folder of the CSV connection is outside the folder of this account.",
            remedy="Edit the configuration of the CSV connection and enter a folder inside it.",
            audience=Audience.ADMIN,
            summary="Files cannot be uploaded because of the configuration of the CSV connection.",
        )
    with file_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def _connect(app_state: AppState, account: str) -> str:
    """Connect the folder for uploads, and return the id of the connection."""
    host = _host_itself(account)
    view = await app_state.metrics.connections.connect(host, CSV, {"folder": OURS})
    return view.id


async def _connection(app_state: AppState, account: str) -> ConnectionView | None:
    """Return the CSV connection of the folder for uploads, or else the oldest one."""
    views = await app_state.metrics.connections.list(_host_itself(account))
    found = [one for one in views if one.source == CSV]
    return next((one for one in found if _folder_name(one) == OURS), found[0] if found else None)


def _folder_name(view: ConnectionView) -> str:
    return next((one.value for one in view.fields if one.name == "folder"), OURS)


def _host_itself(account: str) -> Actor:
    """Return the host app as an Admin, because Editors upload files but cannot connect sources."""
    return Actor(account, "smaply-metrics-host", Role.ADMIN)
