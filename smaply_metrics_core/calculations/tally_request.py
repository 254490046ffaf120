"""What a source passes to count one query: the columns to read, and what the tally carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.survey import Choice


@dataclass(frozen=True)
class TallyColumns:
    """The columns that a query reads, as Polars expressions over one row per response.

    The value of an expression for a row depends on that row alone, and its columns are named in
    it. No column name begins with a NUL character.

    Attributes:
        recorded: When the response was recorded: a Datetime with a time zone. Null, and a year
            before 1900 or after 2199, mean unknown: the row counts in an all-time window only.
        left_out: An ``ExclusionReason`` value as text, or null for a response that counts.
            Without this column, all responses count.
        answer: The answer as text: the key of a choice, or a number. Null or empty: no answer.
        answers: Instead of ``answer`` for questions that take several answers: a Boolean per key.
        number: Whether the answer is a number. Text that is not a number is ``unreadable``. A
            decimal comma is unreadable too, because reading it would be a guess.
        unanswered: Why a row has no answer, as text. Null: ``not_answered``.
        group: The key of the row's group as text, for a Series grouped by a question or field.
            Null or empty: no group.
        filters: For each ``(kind, of)`` that a filter names: the answer as text or, for questions
            that take several answers, a Boolean per key.
        weight: For a weighted query, the weight as text: a number with a decimal point. See
            ``weight_text`` for the answers to a question.
    """

    recorded: pl.Expr
    left_out: pl.Expr | None = None
    answer: pl.Expr | None = None
    answers: Mapping[str, pl.Expr] = field(default_factory=dict)
    number: bool = False
    unanswered: pl.Expr | None = None
    group: pl.Expr | None = None
    filters: Mapping[tuple[str, str], pl.Expr | Mapping[str, pl.Expr]] = field(default_factory=dict)
    weight: pl.Expr | None = None


@dataclass(frozen=True)
class TallyRequest:
    """One query with the columns that it reads.

    Attributes:
        query: The query.
        columns: Where the rows hold what the query needs.
        choices: The choices of the question, in order; empty for numbers and free text. Without
            choices and ``number``, only the number of answers is counted and the answers are not
            stored, because free text must not reach the database.
        group_labels: The label of each group key, in display order.
        notes: Remarks for people, passed on in the tally, as are the three attributes below.
        question_text: As in ``Tally``.
        question_routing: As in ``Tally``.
        survey_modified: As in ``Tally``.
    """

    query: MetricQuery
    columns: TallyColumns
    choices: tuple[Choice, ...] = ()
    group_labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    question_text: str = ""
    question_routing: str | None = None
    survey_modified: datetime | None = None

    @property
    def number(self) -> bool:
        """Whether the answer is a number."""
        return self.columns.number

    @property
    def several(self) -> bool:
        """Whether a response may give several answers."""
        return bool(self.columns.answers)
