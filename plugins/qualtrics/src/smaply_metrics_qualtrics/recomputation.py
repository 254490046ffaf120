"""Answering queries from a debug bundle: the connector's own way, but for where the data is."""

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
    BundleReader,
    Counts,
    ExportFailed,
    MetricQuery,
    MetricsError,
    SourceContext,
    SurveyUnavailable,
    Tally,
)
from smaply_metrics_core.calculations import NOT_ANSWERED
from smaply_metrics_qualtrics.api.client import ExportProgress, QualtricsApi
from smaply_metrics_qualtrics.debug_bundle import DEFINITION, REQUEST, SCHEMA, responses_name
from smaply_metrics_qualtrics.export_columns import Header
from smaply_metrics_qualtrics.json_values import as_dict
from smaply_metrics_qualtrics.responses.csv_reader import HEADER_RECORDS
from smaply_metrics_qualtrics.responses.fetch import fetch
from smaply_metrics_qualtrics.responses.loop_merge import NOT_SHOWN

_THE_EXPORT: Final = "the-export-in-the-bundle"


def recompute(
    context: SourceContext, survey_id: str, queries: Sequence[MetricQuery], bundle: BundleReader
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer queries as ``fetch`` does, from an account that is what the bundle holds.

    Where the raw export does not mark what was seen and not answered, that cannot be told from what
    was not shown: both are *not answered* then.

    Raises:
        MetricsError: as ``fetch``, and when the bundle lacks the responses or is damaged.
    """
    api = BundleApi(bundle, context.now())
    for query_id, answer in fetch(api, context, survey_id, queries):
        if isinstance(answer, Tally) and not api.marked:
            answer = _without_shown(answer)  # noqa: PLW2901  # The same tally, told less of.
        yield query_id, answer


class BundleApi(QualtricsApi):
    """The calls that a measurement makes, answered from a bundle; there is no other one.

    Args:
        bundle: What ``debug_export`` wrote.
        until: Responses that were recorded later are not there.
    """

    def __init__(self, bundle: BundleReader, until: datetime) -> None:
        # Without the parent's: there are no credentials, and nothing may be sent.
        self._bundle = bundle
        self._until = until
        request = bundle.read_json(REQUEST) if REQUEST in bundle.names else {}
        self._mark = _mark_of(request)
        self._wanted_mark = ""

    @property
    def marked(self) -> bool:
        """Whether the export marks what was seen and not answered."""
        return bool(self._mark)

    def definition(self, survey_id: str) -> Any:  # noqa: ANN401, ARG002  # As in Api.
        """Return the survey's definition."""
        return self._bundle.read_json(DEFINITION)

    def response_schema(self, survey_id: str) -> Any:  # noqa: ANN401, ARG002  # As in Api.
        """Return the schema of its responses."""
        if SCHEMA not in self._bundle.names:
            raise SurveyUnavailable(
                f"The debug bundle has no {SCHEMA}.",
                remedy="See problem.json in it for the reason.",
            )
        return self._bundle.read_json(SCHEMA)

    def start_export(self, survey_id: str, body: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Take the export that is there: it holds every column and all responses."""
        self._wanted_mark = _mark_of(body)
        return _THE_EXPORT

    def progress(self, survey_id: str, progress_id: str) -> ExportProgress:  # noqa: ARG002  # As in Api.
        """Say that it is complete."""
        return ExportProgress("complete", 100.0, _THE_EXPORT, request_id=None)

    def download(self, survey_id: str, file_id: str, target: Path) -> int:  # noqa: ARG002
        """Write the export to ``target``, as Qualtrics would have given it at that time."""
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        copy = _Copy(self._until, self._mark, self._wanted_mark)
        with os.fdopen(opened, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name in self._responses():
                with (
                    self._bundle.open(f"raw/{name}") as raw,
                    archive.open(name, "w", force_zip64=True) as out,
                    io.TextIOWrapper(raw, "utf-8-sig", "replace", newline="") as rows,
                    io.TextIOWrapper(out, "utf-8", newline="") as kept,
                ):
                    copy(rows, kept)
        return target.stat().st_size

    def _responses(self) -> Iterator[str]:
        """Name the files of responses; without the first, opening it says what is wrong."""
        number = 1
        while number == 1 or f"raw/{responses_name(number)}" in self._bundle.names:
            yield responses_name(number)
            number += 1


class _Copy:
    """Copies the files of an export without the responses that came later.

    Args:
        until: Responses that were recorded after it are left out.
        mark: What stands there for a question that was seen and not answered; empty for nothing.
        wanted: What the reader expects there.
    """

    def __init__(self, until: datetime, mark: str, wanted: str) -> None:
        self._until = until
        self._mark = mark
        self._wanted = wanted
        self._header: Header | None = None

    def __call__(self, rows: io.TextIOWrapper, kept: io.TextIOWrapper) -> None:
        """Copy one file.

        Raises:
            ExportFailed: when a cell is longer than any answer, as after an open quote.
        """
        records, out = csv.reader(rows), csv.writer(kept)
        try:
            begin = list(islice(records, HEADER_RECORDS))
            own = Header(begin[0], begin[-1]) if len(begin) == HEADER_RECORDS else None
            if own is not None and (own.columns or self._header is None):
                self._header = own
                out.writerows(begin)
                begin = []
            out.writerows(self._kept(chain(begin, records)))
        except csv.Error:
            raise ExportFailed("The responses in the debug bundle are damaged.") from None

    def _kept(self, records: Iterable[list[str]]) -> Iterator[list[str]]:
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
    """Spell an instant so that texts sort by time: ISO 8601 comes with a T."""
    return cell.replace("T", " ")[: len("2026-01-31 23:59:59")]


def _limit(until: datetime, zone: str) -> str:
    """Spell the last second that counts in the zone of the export's dates."""
    try:
        local = until.astimezone(ZoneInfo("UTC" if zone == "Z" else zone))
    except (KeyError, ValueError, OSError):
        return ""  # Whoever reads the dates refuses the zone, and says so.
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _mark_of(request: object) -> str:
    """Return what an export was asked to write for seen and not answered; empty for nothing."""
    mark = as_dict(request).get("seenUnansweredRecode")
    return str(mark) if isinstance(mark, int) else ""


def _without_shown(tally: Tally) -> Tally:
    """Count those who may not have seen the question with those who did not answer."""
    return tally.model_copy(
        update={
            "windows": tuple(
                window.model_copy(
                    update={
                        "total": _unshown(window.total),
                        "groups": tuple(
                            group.model_copy(update={"counts": _unshown(group.counts)})
                            for group in window.groups
                        ),
                    }
                )
                for window in tally.windows
            )
        }
    )


def _unshown(counts: Counts) -> Counts:
    unanswered = dict(counts.unanswered)
    blank = unanswered.pop(NOT_SHOWN, 0)
    if blank:
        unanswered[NOT_ANSWERED] = unanswered.get(NOT_ANSWERED, 0) + blank
    return counts.model_copy(update={"unanswered": unanswered})
