"""Translate queries to Polars expressions over the columns of an export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from smaply_metrics_core import (
    NOT_SHOWN,
    ExclusionReason,
    ExportFailed,
    MetricQuery,
    Question,
    QuestionKind,
)
from smaply_metrics_core.calculations import (
    UNREADABLE,
    TallyColumns,
    TallyRequest,
    weight_text,
)
from smaply_metrics_qualtrics.export_columns import ExportColumn, Header
from smaply_metrics_qualtrics.responses.csv_reader import Responses
from smaply_metrics_qualtrics.responses.loop_merge import in_any_loop, one_loop
from smaply_metrics_qualtrics.responses.query_plan import PlannedQuery
from smaply_metrics_qualtrics.responses.survey_columns import SurveyColumns
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns, AnswerShape
from smaply_metrics_qualtrics.survey.column_owners import ColumnOwners

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
"""The exclusion reason for each status, as a code or label. Responses of other statuses count."""

_UNFINISHED: Final = ("0", "False", "FALSE", "false")
_DATE: Final = "%Y-%m-%d %H:%M:%S"
_NO_TEXT: Final = pl.lit(None, dtype=pl.String)
_NO_DATE: Final = pl.lit(None, dtype=pl.Datetime("us", "UTC"))

Answered = pl.Expr | Mapping[str, pl.Expr]
"""The answer as text, or one Boolean for each key if several answers are possible."""


class _ResolvedColumns(NamedTuple):
    """The answers of a question, the reason why a row has none, and the columns of both."""

    answered: Answered
    unanswered: pl.Expr | None = None
    columns: tuple[ExportColumn, ...] = ()


class TallyRequestBuilder:
    """Builds the tally requests of queries for one export.

    Args:
        header: The header of the export.
        owners: The questions and fields that the columns belong to.
        seen: The number that marks a question as seen but not answered, if any.
    """

    def __init__(self, header: Header, owners: ColumnOwners, seen: int | None) -> None:
        self._columns = SurveyColumns(header, owners)
        self._seen = None if seen is None else str(seen)
        # Queries share expressions, so that each is built and evaluated once.
        self._left_out = _left_out(header)
        recorded = header.metadata("recordedDate")
        self._dates = None if recorded is None else _dates(recorded)
        self._notes = _notes(header)
        self._found: dict[int, tuple[AnswerColumns, _ResolvedColumns]] = {}

    def tally_requests(self, part: PlannedQuery) -> list[TallyRequest]:
        """Return the tally requests of a query.

        A question in loops has several, whose tallies ``loop_merge.merge`` combines.

        Raises:
            QuestionUnavailable: if the export lacks a column that the query needs.
            ExportFailed: if the query needs dates and the export has none.
        """
        if part.answer is None:
            return [self._request(part, _ResolvedColumns(_NO_TEXT))]
        if not part.answer.every_loop:
            return [self._request(part, self._find(part.answer))]
        passes = [self._find(answer) for answer in self._columns.loops(part.answer)]
        seen = [self._seen_in(found.columns) for found in passes]
        any_loop = pl.when(pl.any_horizontal(seen)).then(pl.lit("1"))
        return [
            self._request(in_any_loop(part), _ResolvedColumns(any_loop)),
            *(
                self._request(
                    one_loop(part, number),
                    found._replace(unanswered=pl.when(~was_seen).then(pl.lit(NOT_SHOWN))),
                )
                for number, (found, was_seen) in enumerate(zip(passes, seen, strict=True))
            ),
        ]

    def _request(self, part: PlannedQuery, found: _ResolvedColumns) -> TallyRequest:
        return _request(
            part,
            recorded=self._recorded(part.query),
            left_out=self._left_out,
            found=found,
            others={
                **{
                    ("question", of): self._filter(part.others[of], answer)
                    for of, answer in part.answer_columns.items()
                },
                **{("field", name): self._field(name) for name in part.fields},
            },
            notes=self._notes,
        )

    def _seen_in(self, columns: Iterable[ExportColumn]) -> pl.Expr:
        """Return an expression for whether a row has an answer or is marked as seen."""
        return pl.any_horizontal(
            (pl.col(Responses.name(column)) != "").fill_null(value=False) for column in columns
        )

    def _find(self, answer: AnswerColumns) -> _ResolvedColumns:
        known = self._found.get(id(answer))
        if known is None:
            known = self._found[id(answer)] = (answer, self._resolve(answer))
        return known[1]

    def _resolve(self, answer: AnswerColumns) -> _ResolvedColumns:
        match answer.shape:
            case AnswerShape.MULTIPLE if self._columns.is_joined(answer):
                column = self._columns.single(answer)
                cell = self._cell(column)
                # The answer may have been deleted from the survey: it is filled but unknown.
                unread: pl.Expr = pl.when(cell != "").then(pl.lit(UNREADABLE))
                if (unseen := self._unseen([column])) is not None:
                    unread = pl.coalesce(unread, unseen)
                return _ResolvedColumns(_listed(answer, cell), unread, (column,))
            case AnswerShape.MULTIPLE:
                columns = self._columns.ticks(answer)
                ticks = {key: self._is_ticked(column) for key, column in columns.items()}
                unseen = self._unseen(columns.values())
                return _ResolvedColumns(ticks, unseen, tuple(dict.fromkeys(columns.values())))
            case AnswerShape.ANY:
                parts = self._columns.parts(answer)
                return _ResolvedColumns(self._any(parts), None, tuple(parts))
            case AnswerShape.TEXT:
                column = self._columns.single(answer)
                return _ResolvedColumns(self._text(column), None, (column,))
            case AnswerShape.SINGLE:
                column = self._columns.single(answer)
                cell = self._cell(column)
                if answer.spellings:
                    cell = cell.replace(answer.spellings)
                return _ResolvedColumns(cell, self._unseen([column]), (column,))
            case _:
                column = self._columns.single(answer)
                return _ResolvedColumns(self._cell(column), None, (column,))

    def _filter(self, question: Question, answer: AnswerColumns) -> Answered:
        """Return the answers to filter on. With loops, an answer matches if any loop has it."""
        if not answer.every_loop:
            return self._find(answer).answered
        found = [self._find(loop).answered for loop in self._columns.loops(answer)]
        return {
            choice.key: pl.any_horizontal(
                each.get(choice.key, pl.lit(value=False))
                if isinstance(each, Mapping)
                else each.eq_missing(choice.key)
                for each in found
            )
            for choice in question.choices
        }

    def _is_ticked(self, column: ExportColumn) -> pl.Expr:
        cell = self._cell(column)
        return ((cell != "") & (cell != "0")).fill_null(value=False)

    def _any(self, columns: Sequence[ExportColumn]) -> pl.Expr:
        """Return an expression that is not null where at least one of the columns is filled."""
        cells = [self._text(column) for column in columns]
        return pl.coalesce([pl.when(cell.is_not_null()).then(pl.lit("1")) for cell in cells])

    def _text(self, column: ExportColumn) -> pl.Expr:
        """Return an expression for a text that is null if it consists of line breaks alone."""
        cell = self._cell(column)
        return pl.when(cell.str.strip_chars("\r\n") != "").then(cell)

    def _cell(self, column: ExportColumn) -> pl.Expr:
        """Return an expression for a cell that is null where the question is marked as seen."""
        cell = pl.col(Responses.name(column))
        return cell if self._seen is None else pl.when(cell != self._seen).then(cell)

    def _unseen(self, columns: Iterable[ExportColumn]) -> pl.Expr | None:
        """Return an expression that is *not shown* for rows that are not marked as seen."""
        if self._seen is None:
            return None
        marked = (pl.col(Responses.name(column)) == self._seen for column in columns)
        seen = pl.any_horizontal(mark.fill_null(value=False) for mark in marked)
        return pl.when(~seen).then(pl.lit(NOT_SHOWN))

    def _field(self, name: str) -> pl.Expr:
        column = self._columns.field(name)
        return pl.col(Responses.name(column)).str.strip_chars()

    def _recorded(self, query: MetricQuery) -> pl.Expr:
        if self._dates is None:
            by_period = query.definition.group_by and query.definition.group_by.kind == "period"
            if by_period or any(window.start or window.end for window in query.windows):
                raise ExportFailed("The export lacks the dates of the responses.")
            return _NO_DATE
        return self._dates


def _left_out(header: Header) -> pl.Expr:
    reason: pl.Expr = _NO_TEXT
    if column := header.metadata("finished"):
        unfinished = pl.col(Responses.name(column)).is_in(_UNFINISHED)
        reason = pl.when(unfinished).then(pl.lit(ExclusionReason.UNFINISHED.value))
    if column := header.metadata("status"):
        kinds = {text: kind.value for text, kind in STATUS.items()}
        status = pl.col(Responses.name(column))
        by_status = status.replace_strict(kinds, default=None, return_dtype=pl.String)
        reason = pl.coalesce(by_status, reason)
    return reason


def _dates(column: ExportColumn) -> pl.Expr:
    """Return when rows were recorded, in UTC."""
    zone = _zone(column.zone)
    text = pl.col(Responses.name(column))
    usual = text.str.to_datetime(_DATE, time_unit="us", strict=False, cache=False)
    # Also accept ISO 8601. Any other format raises an error.
    odd = pl.when(usual.is_null() & (text != "")).then(text).str.replace("T", " ")
    tail = r"(\.\d+)?Z?$" if zone == "UTC" else r"(\.\d+)?$"
    # A cache would be slower because nearly all dates are distinct.
    iso = odd.str.replace(tail, "").str.to_datetime(_DATE, time_unit="us", strict=True, cache=False)
    return (
        pl.coalesce(usual, iso)
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
    )


def _listed(answer: AnswerColumns, cell: pl.Expr) -> dict[str, pl.Expr]:
    """Return, for each choice, an expression for whether a joined cell contains it."""
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
    """Return the tally request for an export without files and so without responses."""

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
            weight=_weight(part, others),
        ),
        choices=question.choices if question else (),
        question_text=part.question_text,
        question_routing=part.question_routing,
        survey_modified=part.survey_modified,
        group_labels=labels,
        notes=notes,
    )


def _weight(part: PlannedQuery, others: Mapping[tuple[str, str], Answered]) -> pl.Expr | None:
    weight = part.query.definition.weight
    if weight is None:
        return None
    cell = others[weight.kind, weight.of]
    if isinstance(cell, Mapping):
        raise TypeError(f"{weight} takes several answers, so it cannot be a weight")
    return weight_text(cell, part.others[weight.of]) if weight.kind == "question" else cell


def _notes(header: Header) -> tuple[str, ...]:
    if not header.ignored:
        return ()
    names = ", ".join(f"“{name}”" for name in header.ignored)
    return (f"Columns without an ImportId were ignored: {names}.",)


def _zone(name: str) -> str:
    """Return the time zone that a header names; ``Z`` is UTC.

    Raises:
        ExportFailed: if the time zone is unknown.
    """
    zone = "UTC" if name == "Z" else name
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ExportFailed(
            f"The dates of the export are in an unknown time zone: “{name}”."
        ) from None
    return zone
