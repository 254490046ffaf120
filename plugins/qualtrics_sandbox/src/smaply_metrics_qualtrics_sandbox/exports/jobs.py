"""Export jobs, their progress and their files."""

from __future__ import annotations

import io
import secrets
import shutil
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from smaply_metrics_qualtrics_sandbox.dates import to_export
from smaply_metrics_qualtrics_sandbox.errors import invalid_request, resource_not_found
from smaply_metrics_qualtrics_sandbox.exports.export_request import ParsedExportRequest
from smaply_metrics_qualtrics_sandbox.exports.json_writer import JsonExport
from smaply_metrics_qualtrics_sandbox.exports.selection import Continuation, Snapshot, choose_rows
from smaply_metrics_qualtrics_sandbox.exports.text_writer import TextExport
from smaply_metrics_qualtrics_sandbox.exports.xml_writer import write_xml

TOKEN_LIFETIME = timedelta(weeks=1)
_ODD = str.maketrans(dict.fromkeys('\\/:*?"<>|', "_"))


@dataclass
class ExportSettings:
    """The settings of exports.

    Attributes:
        polls: The number of progress requests that return inProgress.
        seconds: The minimum duration of an export by the clock of the sandbox.
        members: The number of ZIP members into which the responses are split.
        member_name: The name of the member; by default the name of the survey.
        byte_order_mark: Whether text files begin with a byte order mark.
    """

    polls: int = 1
    seconds: float = 0.0
    members: int = 1
    member_name: str | None = None
    byte_order_mark: bool = False


@dataclass
class ExportJob:
    """An export job."""

    survey_id: str
    request: ParsedExportRequest
    snapshot: Snapshot
    settings: ExportSettings
    started: datetime
    since: Continuation | None = None
    progress_id: str = field(default_factory=lambda: f"ES_{uuid.uuid4().hex[:15]}")
    file_id: str = field(default_factory=lambda: f"{uuid.uuid4()}-def")
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    polled: int = 0
    path: Path | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start_reply(self) -> dict[str, Any]:
        """Return the reply to the request that started the export."""
        reply = {"progressId": self.progress_id, "percentComplete": 0.0, "status": "inProgress"}
        return {**reply, **self._continuation()}

    def _continuation(self) -> dict[str, str]:
        return {"continuationToken": self.token} if self.request.allow_continuation else {}

    def progress(self, now: datetime) -> dict[str, Any]:
        """Return the progress, and count the request as a poll."""
        waited = (now - self.started).total_seconds()
        if self.polled < self.settings.polls or waited < self.settings.seconds:
            self.polled += 1
            by_polls = self.polled / (self.settings.polls + 1)
            by_time = waited / self.settings.seconds if self.settings.seconds else 1.0
            percent = round(min(by_polls, max(by_time, 0.0), 0.99) * 100, 1)
            return {"percentComplete": percent, "status": "inProgress"}
        reply = {"fileId": self.file_id, "percentComplete": 100.0, "status": "complete"}
        return {**reply, **self._continuation()}

    def is_complete(self, now: datetime) -> bool:
        """Return whether the file can be downloaded."""
        waited = (now - self.started).total_seconds()
        return self.polled >= self.settings.polls and waited >= self.settings.seconds


class Exports:
    """The exports of one sandbox. Their files are in a private folder until it stops."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._jobs: dict[str, ExportJob] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Delete all files."""
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, job: ExportJob) -> None:
        """Add a started export."""
        self._jobs[job.progress_id] = job

    def jobs(self) -> list[ExportJob]:
        """Return the exports in start order."""
        return list(self._jobs.values())

    def by_progress(self, survey_id: str, progress_id: str) -> ExportJob:
        """Return the export with this progress id.

        Raises:
            ApiError: with status 404, if the survey has no such export.
        """
        job = self._jobs.get(progress_id)
        if job is None or job.survey_id != survey_id:
            raise resource_not_found()
        return job

    def by_file(self, survey_id: str, file_id: str) -> ExportJob:
        """Return the export with this file id.

        Raises:
            ApiError: with status 404, if the survey has no such export.
        """
        for job in self._jobs.values():
            if job.file_id == file_id and job.survey_id == survey_id:
                return job
        raise resource_not_found()

    def continuation(self, survey_id: str, token: str, now: datetime) -> Continuation:
        """Return where to continue from.

        Raises:
            ApiError: with status 400, if the token is unknown, of another survey, or expired.
        """
        for job in self._jobs.values():
            if job.request.allow_continuation and job.token == token:
                if job.survey_id == survey_id and now - job.started < TOKEN_LIFETIME:
                    return Continuation(job.snapshot.rows, to_export(job.started))
                break
        raise invalid_request("Invalid value for continuationToken: it is unknown or expired.")

    def file(self, job: ExportJob) -> Path:
        """Return the file of a complete export, which is created on the first request."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="qualtrics-sandbox-")
        with job.lock:
            if job.path is None:
                path = Path(self._folder.name) / job.file_id
                _write(job, path)
                job.path = path
            return job.path


def media_type(request: ParsedExportRequest) -> str:
    """Return the content type of a file."""
    if request.compress:
        return "application/zip"
    return {
        "csv": "text/csv; charset=utf-8",
        "tsv": "text/tab-separated-values; charset=utf-8",
        "json": "application/json",
        "ndjson": "application/x-ndjson",
        "xml": "application/xml",
        "spss": "application/x-spss-sav",
    }[request.format]


def _write(job: ExportJob, path: Path) -> None:
    rows = choose_rows(job.snapshot, job.request, job.since)
    if not job.request.compress:
        with path.open("wb") as stream:
            _write_member(job, rows, stream)
        return
    suffix = "sav" if job.request.format == "spss" else job.request.format
    name = job.settings.member_name or f"{job.snapshot.name.translate(_ODD)}.{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, part in enumerate(_parts(rows, job.settings.members)):
            stem, dot, suffix = name.rpartition(".")
            member = (
                name if number == 0 else f"{stem or suffix}_{number}{dot}{suffix if stem else ''}"
            )
            with archive.open(member, "w", force_zip64=True) as stream:
                _write_member(job, part, stream)


def _parts(rows: Sequence[int], members: int) -> list[Sequence[int]]:
    size = max(1, -(-len(rows) // members))
    return [rows[number * size : (number + 1) * size] for number in range(members)]


def _write_member(job: ExportJob, rows: Sequence[int], stream: IO[bytes]) -> None:
    if job.request.format == "spss":
        _write_spss(job, rows, stream)
        return
    encoding = "utf-8-sig" if job.settings.byte_order_mark else "utf-8"
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    if job.request.is_json:
        JsonExport(job.snapshot, job.request, rows).write(text)
    elif job.request.format == "xml":
        request = replace(job.request, label_columns=False)  # An element has one name.
        write_xml(TextExport(job.snapshot, request, rows), text)
    else:
        TextExport(job.snapshot, job.request, rows).write(text)
    text.flush()
    text.detach()


def _write_spss(job: ExportJob, rows: Sequence[int], stream: IO[bytes]) -> None:
    from smaply_metrics_qualtrics_sandbox.exports.spss_writer import write_sav

    # Value labels make the other options of texts superfluous.
    request = replace(
        job.request, use_labels=False, label_columns=False, decimal_comma=False, newline=None
    )
    with tempfile.TemporaryDirectory(prefix="qualtrics-sandbox-") as folder:
        path = Path(folder) / "export.sav"
        write_sav(TextExport(job.snapshot, request, rows), path)
        with path.open("rb") as written:
            shutil.copyfileobj(written, stream)
