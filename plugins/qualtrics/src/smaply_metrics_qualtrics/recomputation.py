"""Answer queries from a debug bundle with the same code as from the API."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from smaply_metrics_core import (
    NOT_SHOWN,
    BundleReader,
    Counts,
    CsvLimits,
    Deadline,
    MetricQuery,
    MetricsError,
    SourceContext,
    SurveyUnavailable,
    Tally,
    csv_records,
)
from smaply_metrics_core.calculations import NOT_ANSWERED
from smaply_metrics_qualtrics.api.client import ExportProgress, QualtricsApi
from smaply_metrics_qualtrics.debug_bundle import DEFINITION, REQUEST, SCHEMA, responses_name
from smaply_metrics_qualtrics.export_columns import Header
from smaply_metrics_qualtrics.json_values import as_dict
from smaply_metrics_qualtrics.responses.csv_reader import HEADER_RECORDS, MOST_COLUMNS
from smaply_metrics_qualtrics.responses.fetch import fetch

_THE_EXPORT: Final = "the-export-in-the-bundle"
_LIMITS: Final = CsvLimits.of_one_record(columns=MOST_COLUMNS)


def recompute(
    context: SourceContext, survey_id: str, queries: Sequence[MetricQuery], bundle: BundleReader
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer queries as ``fetch`` does, with the bundle instead of the API.

    If the raw export does not mark questions that were seen but not answered, these cannot be
    distinguished from questions that were not shown. Both count as *not answered*.

    Raises:
        MetricsError: as ``fetch``, and if the bundle has no responses or is damaged.
    """
    api = BundleApi(bundle, context.now(), context.deadline)
    for query_id, answer in fetch(api, context, survey_id, queries, every_column=True):
        if isinstance(answer, Tally) and not api.marked:
            answer = _without_not_shown(answer)  # noqa: PLW2901  # The same tally, less detailed.
        yield query_id, answer


class BundleApi(QualtricsApi):
    """The API calls of ``fetch``, answered from a bundle.

    Args:
        bundle: The bundle that ``debug_export`` wrote.
        until: Responses recorded later are excluded.
        deadline: The deadline of the call.
    """

    def __init__(self, bundle: BundleReader, until: datetime, deadline: Deadline) -> None:
        # Does not call super().__init__(): there are no credentials and no HTTP client.
        self._bundle = bundle
        self._until = until
        self._deadline = deadline
        request = bundle.read_json(REQUEST) if REQUEST in bundle.names else {}
        self._mark = _mark_of(request)
        self._wanted_mark = ""

    @property
    def marked(self) -> bool:
        """Whether the export marks questions that were seen but not answered."""
        return bool(self._mark)

    def definition(self, survey_id: str) -> Any:  # noqa: ANN401, ARG002  # As in the parent.
        """Return the survey definition."""
        return self._bundle.read_json(DEFINITION)

    def response_schema(self, survey_id: str) -> Any:  # noqa: ANN401, ARG002  # As in the parent.
        """Return the response schema.

        Raises:
            SurveyUnavailable: if the bundle does not contain it.
        """
        if SCHEMA not in self._bundle.names:
            raise SurveyUnavailable(
                f"The debug bundle does not contain {SCHEMA}.",
                remedy="See problem.json in the bundle for the reason.",
            )
        return self._bundle.read_json(SCHEMA)

    def start_export(self, survey_id: str, body: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Return the id of the export in the bundle, which has all columns and responses."""
        self._wanted_mark = _mark_of(body)
        return _THE_EXPORT

    def progress(self, survey_id: str, progress_id: str) -> ExportProgress:  # noqa: ARG002  # As above.
        """Return that the export is complete."""
        return ExportProgress("complete", 100.0, _THE_EXPORT, request_id=None)

    def download(self, survey_id: str, file_id: str, target: Path) -> None:  # noqa: ARG002
        """Write the export to ``target`` as Qualtrics would have created it at that time."""
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        copy = _Copy(self._until, self._mark, self._wanted_mark)
        with os.fdopen(opened, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name in self._responses():
                with (
                    self._bundle.open(f"raw/{name}") as raw,
                    archive.open(name, "w", force_zip64=True) as out,
                    io.TextIOWrapper(out, "utf-8", newline="") as copied,
                ):
                    copy(csv_records(raw, _LIMITS, deadline=self._deadline, strict=False), copied)

    def _responses(self) -> Iterator[str]:
        """Yield the names of the files of responses. Opening a missing first file raises."""
        number = 1
        while number == 1 or f"raw/{responses_name(number)}" in self._bundle.names:
            yield responses_name(number)
            number += 1


class _Copy:
    """Copies the files of an export without responses that were recorded later.

    Args:
        until: The last time at which a response counts.
        mark: The cell of a question that was seen but not answered, or an empty string.
        wanted: The mark that the reader expects instead.
    """

    def __init__(self, until: datetime, mark: str, wanted: str) -> None:
        self._until = until
        self._mark = mark
        self._wanted = wanted
        self._header: Header | None = None

    def __call__(self, records: Iterator[list[str]], copied: io.TextIOWrapper) -> None:
        """Copy one file."""
        out = csv.writer(copied)
        begin = list(islice(records, HEADER_RECORDS))
        own = Header(begin[0], begin[-1]) if len(begin) == HEADER_RECORDS else None
        if own is not None and (own.columns or self._header is None):
            self._header = own
            out.writerows(begin)
            begin = []
        out.writerows(self._selected(chain(begin, records)))

    def _selected(self, records: Iterable[list[str]]) -> Iterator[list[str]]:
        recorded = self._header.metadata("recordedDate") if self._header else None
        limit = _limit(self._until, recorded.zone) if recorded else ""
        place = recorded.position if recorded else 0
        for record in records:
            if limit and len(record) > place and _second(record[place]) > limit:
                continue
            if self._mark and self._mark != self._wanted:
                yield [self._wanted if cell == self._mark else cell for cell in record]
            else:
                yield record


def _second(cell: str) -> str:
    """Return a date in the format of ``_limit``, so that texts compare by time."""
    return cell.replace("T", " ")[: len("2026-01-31 23:59:59")]


def _limit(until: datetime, zone: str) -> str:
    """Return the last second that counts, as text in the time zone of the export."""
    try:
        local = until.astimezone(ZoneInfo("UTC" if zone == "Z" else zone))
    except (KeyError, ValueError, OSError):
        return ""  # The code that reads the dates rejects the time zone.
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _mark_of(request: object) -> str:
    """Return the mark for questions that were seen but not answered, or an empty string."""
    mark = as_dict(request).get("seenUnansweredRecode")
    return str(mark) if isinstance(mark, int) else ""


def _without_not_shown(tally: Tally) -> Tally:
    """Return the tally with *not shown* counted as *not answered*."""
    return tally.model_copy(
        update={
            "windows": tuple(
                window.model_copy(
                    update={
                        "total": _merge_not_shown(window.total),
                        "groups": tuple(
                            group.model_copy(update={"counts": _merge_not_shown(group.counts)})
                            for group in window.groups
                        ),
                    }
                )
                for window in tally.windows
            )
        }
    )


def _merge_not_shown(counts: Counts) -> Counts:
    unanswered = dict(counts.unanswered)
    blank = unanswered.pop(NOT_SHOWN, 0)
    if blank:
        unanswered[NOT_ANSWERED] = unanswered.get(NOT_ANSWERED, 0) + blank
    return counts.model_copy(update={"unanswered": unanswered})
