"""Determine what an ImportId names, from the definition instead of from its look.

Embedded fields can have any name, such as `old_QID1`, `SC_points` or `status`, and ids of questions
need not be numbers. An ImportId is that of metadata, a question, a loop, a score or a display order
only if the definition has these. Columns of questions that were deleted from the definition remain
in old files: those are recognized by `QID` and a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from smaply_metrics_qualtrics_sandbox.surveys.definition import (
    embedded_fields,
    looped,
    order_ids,
    score_ids,
    trash,
)

METADATA: Mapping[str, str] = {
    "startDate": "StartDate",
    "endDate": "EndDate",
    "status": "Status",
    "ipAddress": "IPAddress",
    "progress": "Progress",
    "duration": "Duration (in seconds)",
    "finished": "Finished",
    "recordedDate": "RecordedDate",
    "_recordId": "ResponseId",
    "recipientLastName": "RecipientLastName",
    "recipientFirstName": "RecipientFirstName",
    "recipientEmail": "RecipientEmail",
    "externalDataReference": "ExternalReference",
    "locationLatitude": "LocationLatitude",
    "locationLongitude": "LocationLongitude",
    "distributionChannel": "DistributionChannel",
    "userLanguage": "UserLanguage",
    "lastModifiedDate": "LastModifiedDate",
}

_LOOP = re.compile(r"(x?\d+)_(.+)", re.DOTALL)
# A row, an answer, a carried-forward choice, a heat map, a group, or a word such as `_TEXT`.
_REST = re.compile(r"(?:#\d.*|_(?:x?\d|[xy]$|G\d|[A-Z]{2}).*)?", re.DOTALL)
_DELETED = re.compile(r"(?:(?P<loop>x?\d+)_)?(?P<qid>QID\d+)(?P<rest>.*)", re.DOTALL)
# Ids that Qualtrics assigns have 15 characters after the prefix; older ones have fewer.
_ASSIGNED_SCORE = re.compile(r"SC_[A-Za-z0-9]{11,15}")
_ASSIGNED_ORDER = re.compile(r"(?:FL_\d+|BL_[A-Za-z0-9]{11,15})_DO")


class ColumnKind(Enum):
    """The kind of a column, which determines the filter that applies to it."""

    METADATA = "metadata"
    QUESTION = "question"
    EMBEDDED = "embedded data"
    ORDER = "order of the flow"
    SCORE = "score"


@dataclass(frozen=True)
class ImportName:
    """What an ImportId names: for a question its loop, its id, and the rest of the ImportId."""

    kind: ColumnKind
    loop: str = ""
    question: str | None = None
    rest: str = ""


class ImportIdParser:
    """Parses the ImportIds of one survey."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._fields = {str(field["Field"]) for field in embedded_fields(definition)}
        # The longest id first: `QIDA_1` is the question of that name if there is one.
        self._questions = sorted(definition["Questions"], key=len, reverse=True)
        self._looped = looped(definition) | trash(definition)
        self._scores = score_ids(definition)
        self._orders = order_ids(definition)

    def parse(self, import_id: str, header: str) -> ImportName:
        """Return what the ImportId of a column with this header names."""
        declared = import_id in self._fields
        if import_id in METADATA and (not declared or header == METADATA[import_id]):
            return ImportName(ColumnKind.METADATA)
        if declared:
            return ImportName(ColumnKind.EMBEDDED)
        if import_id in self._scores or _ASSIGNED_SCORE.fullmatch(import_id):
            return ImportName(ColumnKind.SCORE)
        if import_id.removesuffix("_DO") in self._orders or _ASSIGNED_ORDER.fullmatch(import_id):
            return ImportName(ColumnKind.ORDER)
        return self._question(import_id) or ImportName(ColumnKind.EMBEDDED)

    def _question(self, import_id: str) -> ImportName | None:
        if name := self._named(import_id, ""):
            return name
        if found := _LOOP.fullmatch(import_id):
            name = self._named(found[2], found[1])
            if name and name.question in self._looped:
                return name
        deleted = _DELETED.fullmatch(import_id)
        if deleted and deleted["qid"] not in self._questions and _REST.fullmatch(deleted["rest"]):
            return ImportName(
                ColumnKind.QUESTION, deleted["loop"] or "", deleted["qid"], deleted["rest"]
            )
        return None

    def _named(self, name: str, loop: str) -> ImportName | None:
        for qid in self._questions:
            if name.startswith(qid) and _REST.fullmatch(name, len(qid)):
                return ImportName(ColumnKind.QUESTION, loop, qid, name[len(qid) :])
        return None
