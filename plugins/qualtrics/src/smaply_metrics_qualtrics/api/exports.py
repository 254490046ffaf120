"""An export of responses: what to ask for, waiting until it is ready, and fetching the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from smaply_metrics_core import DeadlineExceeded, ExportFailed, SourceContext, Window
from smaply_metrics_qualtrics.api.client import ExportProgress, QualtricsApi
from smaply_metrics_qualtrics.export_columns import NEEDED_METADATA

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 15.0
_GROWTH: Final = 1.5
_RUNNING: Final = "inprogress"


@dataclass(frozen=True)
class ExportRequest:
    """What an export is to hold; ``None`` for a kind of column keeps all of that kind.

    Attributes:
        start: First recorded date that counts (aware).
        end: The one from which on they no longer count.
        seen: The number to write for a question that was seen and not answered.
        limit: Most responses.
    """

    questions: tuple[str, ...] | None = ()
    fields: tuple[str, ...] | None = ()
    metadata: tuple[str, ...] = NEEDED_METADATA
    start: datetime | None = None
    end: datetime | None = None
    seen: int | None = None
    limit: int | None = None

    def body(self) -> dict[str, Any]:
        """Return the request's JSON: only what is meant, since defaults are documented wrongly."""
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
            # Exports know seconds, and the end is exclusive: a part of one still belongs to it.
            whole = self.end if not self.end.microsecond else self.end + timedelta(seconds=1)
            body["endDate"] = _instant(whole)
        if self.seen is not None:
            body["seenUnansweredRecode"] = self.seen
        if self.limit is not None:
            body["limit"] = self.limit
        return body


def span(windows: Iterable[Window]) -> tuple[datetime | None, datetime | None]:
    """Return the shortest span that holds all windows; an open side of one opens that side."""
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
    """Run one export to its end and download it into the call's private folder.

    Raises:
        ExportFailed: when Qualtrics says so, or the export vanished meanwhile.
        ResultsUnavailable: when the token's user may not view results.
        DeadlineExceeded: when it is not ready in time.
    """
    progress_id = api.start_export(survey_id, request.body())
    done = wait_for(api, context, survey_id, progress_id)
    context.progress(100, 100, "Downloading the responses")
    target = Path(tempfile.mkdtemp(prefix="export-", dir=context.folder)) / "export.zip"
    try:
        api.download(survey_id, done.file_id, target)
    except BaseException:
        # Half a file is of no use, and holds answers all the same.
        target.unlink(missing_ok=True)
        raise
    return target


def wait_for(
    api: QualtricsApi, context: SourceContext, survey_id: str, progress_id: str
) -> ExportProgress:
    """Ask for an export's progress, ever less often, until it is complete.

    Raises:
        ExportFailed: when it failed or vanished; carries the request id.
        DeadlineExceeded: when it is not complete in time.
    """
    wait, percent = FIRST_WAIT, 0.0
    while True:
        try:
            context.pause(wait)
        except DeadlineExceeded:
            raise DeadlineExceeded(
                f"Qualtrics had not finished the export in the time allowed ({percent:.0f} %)."
            ) from None
        progress = api.progress(survey_id, progress_id)
        status = progress.status.replace(" ", "").lower()
        if status == "complete":
            break
        if status != _RUNNING:
            raise ExportFailed(
                "Qualtrics could not make the export.", request_id=progress.request_id
            )
        percent = progress.percent
        context.progress(min(percent, 100.0), 100, "Qualtrics prepares the responses")
        wait = min(wait * _GROWTH, LONGEST_WAIT)
    if not progress.file_id:
        raise ExportFailed(
            "Qualtrics finished the export and named no file.", request_id=progress.request_id
        )
    return progress


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
