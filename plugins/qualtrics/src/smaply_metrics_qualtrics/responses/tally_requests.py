"""What a query counts in an export, said as Polars expressions over its columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from smaply_metrics_core import (
    ExclusionReason,
    ExportFailed,
    MetricQuery,
    Question,
    QuestionKind,
    QuestionUnavailable,
)
from smaply_metrics_core.calculations import UNREADABLE, TallyColumns, TallyRequest
from smaply_metrics_qualtrics.export_columns import ColumnKey, ExportColumn, Header
from smaply_metrics_qualtrics.responses.csv_reader import Responses
from smaply_metrics_qualtrics.responses.loop_merge import NOT_SHOWN, never_asked, one_loop
from smaply_metrics_qualtrics.responses.query_plan import PlannedQuery
from smaply_metrics_qualtrics.survey.question_parser import AnswerColumns, AnswerShape

STATUS: Final[Mapping[str, ExclusionReason]] = {
    "1": ExclusionReason.PREVIEW,
    "Survey Preview": ExclusionReason.PREVIEW,
    "2": ExclusionReason.TEST,
    "Survey Test": ExclusionReason.TEST,
    "8": ExclusionReason.SPAM,
    "Spam": ExclusionReason.SPAM,
    "9": ExclusionReason.PREVIEW,
    "Survey Preview Spam": ExclusionReason.PREVIEW,
    "12": ExclusionReason.SPAM,
    "Imported Spam": ExclusionReason.SPAM,
    "17": ExclusionReason.PREVIEW,
    "Offline Survey Preview": ExclusionReason.PREVIEW,
    "40": ExclusionReason.SPAM,
    "EX Spam": ExclusionReason.SPAM,
}
"""Why a response of this status, as a code or in words, is left out; every other status counts."""

_UNFINISHED: Final = ("0", "False", "FALSE", "false")
_DATE: Final = "%Y-%m-%d %H:%M:%S"
_NO_TEXT: Final = pl.lit(None, dtype=pl.String)
_NO_DATE: Final = pl.lit(None, dtype=pl.Datetime("us", "UTC"))

Answered = pl.Expr | Mapping[str, pl.Expr]
"""The answer as text or, where one response may give several, a Boolean for each key."""


class _ResolvedColumns(NamedTuple):
    """The cells of a question: its answers, why a row has none, and the columns they come from."""

    answered: Answered
    unanswered: pl.Expr | None = None
    columns: tuple[ExportColumn, ...] = ()


class TallyRequestBuilder:
    """Says what queries count in one export.

    Args:
        header: The export's header.
        seen: What stands there for a question that was seen and not answered, if anything does.
    """

    def __init__(self, header: Header, seen: int | None) -> None:
        self._header = header
        self._seen = None if seen is None else str(seen)

    def tally_requests(self, part: PlannedQuery) -> list[TallyRequest]:
        """Return what to count for a query; of a question in loops, what ``loops.merge`` adds up.

        Raises:
            QuestionUnavailable: when the export has no column for something that it names.
            ExportFailed: when the query is about dates and the export has none.
        """
        if part.answer is None:
            return [self._request(part, _ResolvedColumns(_NO_TEXT))]
        if not part.answer.every_loop:
            return [self._request(part, self._find(part.answer))]
        passes = [self._find(answer) for answer in self._loops(part.answer)]
        asked = [self._asked(found.columns) for found in passes]
        ever = pl.when(pl.any_horizontal(asked)).then(pl.lit("1"))
        return [
            self._request(never_asked(part), _ResolvedColumns(ever)),
            *(
                self._request(
                    one_loop(part, number),
                    found._replace(unanswered=pl.when(~was_asked).then(pl.lit(NOT_SHOWN))),
                )
                for number, (found, was_asked) in enumerate(zip(passes, asked, strict=True))
            ),
        ]

    def _request(self, part: PlannedQuery, found: _ResolvedColumns) -> TallyRequest:
        return _request(
            part,
            recorded=self._recorded(part.query),
            left_out=self._left_out(),
            found=found,
            others={
                **{
                    ("question", of): self._filter(part.others[of], answer)
                    for of, answer in part.answer_columns.items()
                },
                **{("field", name): self._field(name) for name in part.fields},
            },
            notes=_notes(self._header),
        )

    def _asked(self, columns: Iterable[ExportColumn]) -> pl.Expr:
        """Return whether a row was asked something: it has an answer, or the mark of being seen."""
        return pl.any_horizontal(
            (pl.col(Responses.name(column)) != "").fill_null(value=False) for column in columns
        )

    def _find(self, answer: AnswerColumns) -> _ResolvedColumns:
        match answer.shape:
            case AnswerShape.MULTIPLE if self._joined(answer):
                column = self._column(answer)
                cell = self._cell(column)
                # An answer that was taken out of the survey is one, but nobody knows which.
                unread: pl.Expr = pl.when(cell != "").then(pl.lit(UNREADABLE))
                if (unseen := self._unseen([column])) is not None:
                    unread = pl.coalesce(unread, unseen)
                return _ResolvedColumns(_listed(answer, cell), unread, (column,))
            case AnswerShape.MULTIPLE:
                columns = self._split(answer)
                ticks = {key: self._is_ticked(column) for key, column in columns.items()}
                unseen = self._unseen(columns.values())
                return _ResolvedColumns(ticks, unseen, tuple(dict.fromkeys(columns.values())))
            case AnswerShape.ANY:
                parts = self._header.parts(answer.import_id)
                if not parts:
                    raise _missing(answer.import_id)
                return _ResolvedColumns(self._any(parts), None, tuple(parts))
            case AnswerShape.SINGLE:
                column = self._column(answer)
                cell = self._cell(column)
                if answer.spellings:
                    cell = cell.replace(answer.spellings)
                return _ResolvedColumns(cell, self._unseen([column]), (column,))
            case _:
                column = self._column(answer)
                return _ResolvedColumns(self._cell(column), None, (column,))

    def _loops(self, answer: AnswerColumns) -> list[AnswerColumns]:
        """Return the reading of each loop that the export knows."""
        loops = self._header.loops(answer.question)
        if not loops:
            raise _missing(answer.import_id)
        return [
            dataclasses.replace(
                answer,
                import_id=f"{loop}_{answer.import_id}" if loop else answer.import_id,
                every_loop=False,
            )
            for loop in loops
        ]

    def _filter(self, question: Question, answer: AnswerColumns) -> Answered:
        """Return the answers to filter by; of a question in loops whether any loop gave each."""
        if not answer.every_loop:
            return self._find(answer).answered
        found = [self._find(loop).answered for loop in self._loops(answer)]
        return {
            choice.key: pl.any_horizontal(
                each.get(choice.key, pl.lit(value=False))
                if isinstance(each, Mapping)
                else each.eq_missing(choice.key)
                for each in found
            )
            for choice in question.choices
        }

    def _joined(self, answer: AnswerColumns) -> bool:
        """Whether one column lists all the answers, which no export does that was not asked to."""
        whole = self._header.all(ColumnKey(answer.import_id))
        split = self._header.choices(answer.import_id)
        return bool(answer.spellings) and len(whole) == 1 and not split

    def _split(self, answer: AnswerColumns) -> dict[str, ExportColumn]:
        """Find the column of each choice, by the choice's key."""
        split = self._header.choices(answer.import_id)
        columns: dict[str, ExportColumn] = {}
        for option_id, key in answer.ticks.items():
            named = ColumnKey(f"{answer.import_id}_{option_id}")
            found = split.pop(option_id, []) or self._header.all(named)
            if found:
                columns[key] = _only(found, answer.import_id)
            elif option_id not in answer.may_lack:
                raise _missing(f"{answer.import_id}, answer {option_id}")
        # Answers that were taken out of the survey may still have columns: they were answers.
        for option_id, found in split.items():
            columns.setdefault(option_id, _only(found, answer.import_id))
        if not columns:
            raise _missing(answer.import_id)
        return columns

    def _is_ticked(self, column: ExportColumn) -> pl.Expr:
        cell = self._cell(column)
        return ((cell != "") & (cell != "0")).fill_null(value=False)

    def _any(self, columns: Sequence[ExportColumn]) -> pl.Expr:
        """Give some text for a row where one of the columns is filled."""
        cells = [self._cell(column).str.strip_chars() for column in columns]
        return pl.coalesce([pl.when(cell != "").then(pl.lit("1")) for cell in cells])

    def _column(self, answer: AnswerColumns) -> ExportColumn:
        if answer.field:
            return _only(self._header.field(answer.field), f"the field “{answer.field}”")
        return _only(self._header.all(ColumnKey(answer.import_id)), answer.import_id)

    def _cell(self, column: ExportColumn) -> pl.Expr:
        """Return a question's cell, null where it was seen and not answered."""
        cell = pl.col(Responses.name(column))
        return cell if self._seen is None else pl.when(cell != self._seen).then(cell)

    def _unseen(self, columns: Iterable[ExportColumn]) -> pl.Expr | None:
        """Say that a row without an answer was not shown the question, unless it is marked seen."""
        if self._seen is None:
            return None
        marked = (pl.col(Responses.name(column)) == self._seen for column in columns)
        seen = pl.any_horizontal(mark.fill_null(value=False) for mark in marked)
        return pl.when(~seen).then(pl.lit(NOT_SHOWN))

    def _field(self, name: str) -> pl.Expr:
        column = _only(self._header.field(name), f"the field “{name}”")
        return pl.col(Responses.name(column)).str.strip_chars()

    def _recorded(self, query: MetricQuery) -> pl.Expr:
        column = self._header.metadata("recordedDate")
        if column is None:
            by_period = query.definition.group_by and query.definition.group_by.kind == "period"
            if by_period or any(window.start or window.end for window in query.windows):
                raise ExportFailed("The export does not say when responses were recorded.")
            return _NO_DATE
        zone = _zone(column.zone)
        text = pl.col(Responses.name(column))
        usual = text.str.to_datetime(_DATE, time_unit="us", strict=False, cache=False)
        # ISO 8601 is read as well; whatever else it is ends in an error, never in a wrong date.
        odd = pl.when(usual.is_null() & (text != "")).then(text).str.replace("T", " ")
        tail = r"(\.\d+)?Z?$" if zone == "UTC" else r"(\.\d+)?$"
        # Nearly every date is another one: a cache of them only costs time.
        iso = odd.str.replace(tail, "").str.to_datetime(
            _DATE, time_unit="us", strict=True, cache=False
        )
        return (
            pl.coalesce(usual, iso)
            .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone("UTC")
        )

    def _left_out(self) -> pl.Expr:
        reason: pl.Expr = _NO_TEXT
        if column := self._header.metadata("finished"):
            unfinished = pl.col(Responses.name(column)).is_in(_UNFINISHED)
            reason = pl.when(unfinished).then(pl.lit(ExclusionReason.UNFINISHED.value))
        if column := self._header.metadata("status"):
            kinds = {text: kind.value for text, kind in STATUS.items()}
            status = pl.col(Responses.name(column))
            by_status = status.replace_strict(kinds, default=None, return_dtype=pl.String)
            reason = pl.coalesce(by_status, reason)
        return reason


def _listed(answer: AnswerColumns, cell: pl.Expr) -> dict[str, pl.Expr]:
    """Say for each choice whether it is in a list."""
    chosen = pl.concat_str(pl.lit(","), cell, pl.lit(","))
    spelled: dict[str, list[str]] = {}
    for text, key in answer.spellings.items():
        spelled.setdefault(key, []).append(text)
    return {
        key: pl.any_horizontal(
            chosen.str.contains(f",{text},", literal=True).fill_null(value=False) for text in texts
        )
        for key, texts in spelled.items()
    }


def count_nothing(part: PlannedQuery) -> TallyRequest:
    """Return what to count in an export that held no file, so no response: everything is zero."""

    def nothing(answer: AnswerColumns) -> Answered:
        if answer.shape is AnswerShape.MULTIPLE:
            return dict.fromkeys(answer.ticks.values(), pl.lit(value=False))
        return _NO_TEXT

    return _request(
        part,
        recorded=_NO_DATE,
        left_out=_NO_TEXT,
        found=_ResolvedColumns(nothing(part.answer) if part.answer else _NO_TEXT),
        others={
            **{("question", of): nothing(answer) for of, answer in part.answer_columns.items()},
            **{("field", name): _NO_TEXT for name in part.fields},
        },
        notes=(),
    )


def _request(  # noqa: PLR0913  # All by name.
    part: PlannedQuery,
    *,
    recorded: pl.Expr,
    left_out: pl.Expr,
    found: _ResolvedColumns,
    others: Mapping[tuple[str, str], Answered],
    notes: tuple[str, ...],
) -> TallyRequest:
    definition, question = part.query.definition, part.question
    several = found.answered if isinstance(found.answered, Mapping) else {}
    group, labels = None, {}
    if definition.group_by is not None and definition.group_by.kind in {"question", "field"}:
        group = others[definition.group_by.kind, definition.group_by.of]
    if definition.group_by is not None and definition.group_by.kind == "question":
        labels = {c.key: c.label for c in part.others[definition.group_by.of].choices}
    return TallyRequest(
        query=part.query,
        columns=TallyColumns(
            recorded=recorded,
            left_out=left_out,
            answer=found.answered if question and isinstance(found.answered, pl.Expr) else None,
            answers=several,
            number=question is not None and question.kind is QuestionKind.NUMBER,
            unanswered=found.unanswered,
            group=group if isinstance(group, pl.Expr) else None,
            filters={(f.kind, f.of): others[f.kind, f.of] for f in definition.filters},
        ),
        choices=question.choices if question else (),
        group_labels=labels,
        notes=notes,
    )


def _notes(header: Header) -> tuple[str, ...]:
    if not header.ignored:
        return ()
    names = ", ".join(f"“{name}”" for name in header.ignored)
    return (f"Columns without an ImportId were ignored: {names}.",)


def _zone(name: str) -> str:
    """Check the time zone that a header names; ``Z`` is UTC.

    Raises:
        ExportFailed: when there is no such zone.
    """
    zone = "UTC" if name == "Z" else name
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ExportFailed(
            f"The export gives its dates in a time zone that is not known: “{name}”."
        ) from None
    return zone


def _only(found: Sequence[ExportColumn], what: str) -> ExportColumn:
    if not found:
        raise _missing(what)
    if len(found) > 1:
        raise QuestionUnavailable(
            f"The export has {len(found)} columns for {what}, and nothing tells them apart.",
            remedy="Rename one of them in Qualtrics, or send the debug bundle to support.",
        )
    return found[0]


def _missing(what: str) -> QuestionUnavailable:
    return QuestionUnavailable(
        f"The export has no column for {what}: it may have been deleted just now.",
        remedy="Edit the metric and choose a question from the survey as it is now.",
    )
