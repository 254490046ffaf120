"""Request an export of responses, wait until it is complete, and download the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from smaply_metrics_core import Audience, DeadlineExceeded, SourceContext, Window
from smaply_metrics_qualtrics.api.client import ExportProgress, QualtricsApi
from smaply_metrics_qualtrics.api.errors import ExportLost
from smaply_metrics_qualtrics.export_columns import NEEDED_METADATA

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 15.0
_GROWTH: Final = 1.5
_RUNNING: Final = "inprogress"


@dataclass(frozen=True)
class ExportRequest:
    """The parameters of an export.

    Attributes:
        questions: The ids of the questions to export; ``None`` for all.
        fields: The names of the embedded fields to export; ``None`` for all.
        metadata: The names of the metadata columns to export.
        start: The earliest recorded date, inclusive (aware).
        end: The latest recorded date, exclusive (aware).
        seen: The number that marks a question as seen but not answered.
        limit: The maximum number of responses.
    """

    questions: tuple[str, ...] | None = ()
    fields: tuple[str, ...] | None = ()
    metadata: tuple[str, ...] = NEEDED_METADATA
    start: datetime | None = None
    end: datetime | None = None
    seen: int | None = None
    limit: int | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON body. Values are explicit because the documented defaults are wrong."""
        body: dict[str, Any] = {
            "format": "csv",
            "breakoutSets": True,
            "timeZone": "UTC",
            "surveyMetadataIds": list(self.metadata),
        }
        if self.questions is not None:
            body["questionIds"] = list(self.questions)
        if self.fields is not None:
            body["embeddedDataIds"] = list(self.fields)
        if self.start is not None:
            body["startDate"] = _instant(self.start)
        if self.end is not None:
            # Round up: the API takes whole seconds, and the end is exclusive.
            whole = self.end if not self.end.microsecond else self.end + timedelta(seconds=1)
            body["endDate"] = _instant(whole)
        if self.seen is not None:
            body["seenUnansweredRecode"] = self.seen
        if self.limit is not None:
            body["limit"] = self.limit
        return body


def span(windows: Iterable[Window]) -> tuple[datetime | None, datetime | None]:
    """Return the start and end of the shortest span that contains all windows.

    ``None`` is an open end: it results if any window is open on that side.
    """
    windows = tuple(windows)
    starts = [window.start for window in windows if window.start is not None]
    ends = [window.end for window in windows if window.end is not None]
    return (
        min(starts) if len(starts) == len(windows) and starts else None,
        max(ends) if len(ends) == len(windows) and ends else None,
    )


def fetch_export(
    api: QualtricsApi, context: SourceContext, survey_id: str, request: ExportRequest
) -> Path:
    """Run an export, download it to the private folder of the call, and return the path.

    If Qualtrics fails to create the export, or loses it before the download, the export is started
    once more.

    Raises:
        ExportFailed: if the export fails or no longer exists.
        ResultsUnavailable: if the token's user is not allowed to view results.
        DeadlineExceeded: if the export is not complete before the deadline.
    """
    try:
        return _fetch_once(api, context, survey_id, request)
    except ExportLost:
        return _fetch_once(api, context, survey_id, request)


def _fetch_once(
    api: QualtricsApi, context: SourceContext, survey_id: str, request: ExportRequest
) -> Path:
    progress_id = api.start_export(survey_id, request.body())
    done = wait_for(api, context, survey_id, progress_id)
    context.progress(100, 100, "Downloading the responses")
    target = Path(tempfile.mkdtemp(prefix="export-", dir=context.folder)) / "export.zip"
    api.download(survey_id, done.file_id, target)
    return target


def wait_for(
    api: QualtricsApi, context: SourceContext, survey_id: str, progress_id: str
) -> ExportProgress:
    """Poll the progress of an export with increasing intervals until it is complete.

    Raises:
        ExportLost: if the export fails or no longer exists.
        DeadlineExceeded: if the export is not complete before the deadline.
    """
    wait, percent = FIRST_WAIT, 0.0
    while True:
        try:
            context.pause(wait)
        except DeadlineExceeded:
            raise DeadlineExceeded(
                f"Qualtrics did not finish the export in time ({percent:.0f}%).",
                audience=Audience.EDITOR,
                summary="Qualtrics did not finish the export in time.",
            ) from None
        progress = api.progress(survey_id, progress_id)
        status = progress.status.replace(" ", "").lower()
        if status == "complete":
            break
        if status != _RUNNING:
            raise ExportLost(
                "Qualtrics failed to create the export.", request_id=progress.request_id
            )
        percent = progress.percent
        context.progress(percent, 100, "Qualtrics is preparing the responses")
        wait = min(wait * _GROWTH, LONGEST_WAIT)
    if not progress.file_id:
        raise ExportLost(
            "Qualtrics finished the export without a file.", request_id=progress.request_id
        )
    return progress


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
