"""The cost of one more query on a survey: ``python -m benchmarks.queries [--quick] --json``.

The rows are in memory, so the cost does not include reading them. ``ms_per_query`` is, for each
number of rows, the time of many queries minus the time of few, divided by the difference.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice, product
from typing import Any, Final

import polars as pl

from benchmarks.report import command, report
from smaply_metrics_core.calculations import (
    AnswerExpr,
    RowReader,
    allowed_calculations,
    answer_queries,
)
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    Filter,
    GroupBy,
    MetricQuery,
    MetricType,
    Window,
)
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.tally import Tally

ROWS: Final = (1_000, 20_000)
FEW: Final = 20
MANY: Final = 500
RUNS: Final = 9
QUICK_RUNS: Final = 3
WIDE_COLUMNS: Final = 1_200

_SURVEY: Final = "SV_queries"
_QUESTIONS: Final = 40
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SINCE: Final = datetime(2025, 7, 1, tzinfo=UTC)
_MINUTES: Final = 548 * 24 * 60
_REASONS: Final = ("", "", "", "", "", "", "", "", "preview", "unfinished")
_REGIONS: Final = ("North", "East", "South", "West", "")
_SEVERAL: Final = "abcde"
_KINDS: Final = (
    (QuestionKind.NPS, (*map(str, range(11)), "")),
    (QuestionKind.SINGLE_CHOICE, (*"12345", "")),
    (QuestionKind.NUMBER, (*map(str, range(101)), "")),
    (QuestionKind.MULTIPLE_CHOICE, ("a", "b", "a;c", "b;d;e", "a;b;c;d;e", "")),
)
"""The kinds of the questions, in turn, and the cells of their columns."""

_GROUPS: Final = (None, "field:region", "period:month", "question:Q1")
_WINDOWS: Final = (Window(), Window(start=_SINCE), Window(start=_SINCE, end=NOW))
_FILTERS: Final = ((), (Filter(kind="field", of="region", values=("North", "East")),))


def measure(runs: int) -> dict[str, Any]:
    """Measure with each number of rows, and once with many columns. The best run counts."""
    seconds = {rows: _seconds(rows, _QUESTIONS, (FEW, MANY), runs) for rows in ROWS}
    (wide,) = _seconds(ROWS[0], WIDE_COLUMNS, (MANY,), 1)
    return {
        "ms_per_query": {
            str(rows): round((many - few) * 1_000 / (MANY - FEW), 3)
            for rows, (few, many) in seconds.items()
        },
        "one_query_ms": {
            str(rows): round(_seconds(rows, _QUESTIONS, (1,), runs)[0] * 1_000, 2) for rows in ROWS
        },
        "many_queries_s": {str(rows): round(many, 3) for rows, (_, many) in seconds.items()},
        "many_queries_of_1200_columns_s": round(wide, 3),
    }


def _seconds(rows: int, questions: int, sizes: Sequence[int], runs: int) -> list[float]:
    """Return the shortest time of each number of queries."""
    survey = questionnaire(questions)
    frame = responses(survey, rows)
    asked = [queries(survey, size) for size in sizes]
    best = [float("inf")] * len(sizes)
    for _ in range(runs):
        for place, batch in enumerate(asked):
            begun = time.perf_counter()
            outcomes = dict(answer_queries(frame, batch, survey, READER, as_of=NOW))
            best[place] = min(best[place], time.perf_counter() - begun)
            if not all(isinstance(outcome, Tally) for outcome in outcomes.values()):
                raise ValueError("a query was refused: less was measured")
    return best


def questionnaire(questions: int) -> Questionnaire:
    """Return a survey with questions of each kind in turn."""
    return Questionnaire(
        survey=Survey(id=_SURVEY, name="Queries"),
        questions=tuple(
            _question(f"Q{place}", kind)
            for place, (kind, _) in enumerate(islice(cycle(_KINDS), questions))
        ),
        fields=(EmbeddedField(name="region"),),
    )


def _question(question_id: str, kind: QuestionKind) -> Question:
    values = {QuestionKind.NPS: range(11), QuestionKind.SINGLE_CHOICE: range(1, 6)}
    choices = tuple(Choice(key=str(n), label=str(n), value=n) for n in values.get(kind, ()))
    if kind is QuestionKind.MULTIPLE_CHOICE:
        choices = tuple(Choice(key=key, label=key) for key in _SEVERAL)
    return Question(
        id=question_id,
        text=question_id,
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=kind in values,
    )


def responses(survey: Questionnaire, rows: int) -> pl.DataFrame:
    """Return invented responses, the same ones each time."""
    chance = random.Random(1)  # noqa: S311  # Invented answers, no secrets.
    first = NOW - timedelta(minutes=_MINUTES)
    recorded = [first + timedelta(minutes=chance.randrange(_MINUTES)) for _ in range(rows)]
    cells = {
        question.id: chance.choices(answers, k=rows)
        for question, (_, answers) in zip(survey.questions, cycle(_KINDS), strict=False)
    }
    return pl.DataFrame(
        {
            "recorded": pl.Series(recorded, dtype=pl.Datetime("us", "UTC")),
            "excluded": chance.choices(_REASONS, k=rows),
            "region": chance.choices(_REGIONS, k=rows),
            **cells,
        }
    )


def queries(survey: Questionnaire, count: int) -> list[MetricQuery]:
    """Return different queries: each question in turn, by group, window, filter and calculation."""
    chance = random.Random(2)  # noqa: S311  # Invented queries, no secrets.
    parts = list(product(_GROUPS, _WINDOWS, _FILTERS))
    return [
        _query(str(place), question, chance.choice(_measured(question)), *chance.choice(parts))
        for place, question in enumerate(islice(cycle(survey.questions), count))
    ]


def _measured(question: Question) -> list[Calculation]:
    """Return the calculations of a question but the net score, which counts like an NPS."""
    return [one for one in question.calculations if one is not Calculation.NET_SCORE]


def _query(  # noqa: PLR0913, PLR0917  # The parts of a query.
    query_id: str,
    question: Question,
    calculation: Calculation,
    group_by: str | None,
    window: Window,
    filters: tuple[Filter, ...],
) -> MetricQuery:
    by_answer = calculation is Calculation.DISTRIBUTION
    group = None if by_answer or group_by is None else GroupBy.parse(group_by)
    series = by_answer or group is not None
    first = question.choices[0].key if question.choices else "3"
    return MetricQuery(
        id=query_id,
        definition=Definition(
            type=MetricType.SERIES if series else MetricType.NUMBER,
            survey_id=_SURVEY,
            question_id=question.id,
            calculation=calculation,
            answers=(first,) if calculation is Calculation.SHARE else (),
            group_by=group,
            filters=filters,
        ),
        windows=(window,),
    )


def _answer(question: Question) -> AnswerExpr:
    cell = pl.col(question.id)
    if question.kind is not QuestionKind.MULTIPLE_CHOICE:
        return cell
    chosen = cell.str.split(";")
    return {choice.key: chosen.list.contains(choice.key) for choice in question.choices}


READER: Final = RowReader(
    recorded=pl.col("recorded"), answer=_answer, field=pl.col, left_out=pl.col("excluded")
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result."""
    options = command("queries", __doc__, f"{QUICK_RUNS} runs").parse_args(arguments)
    report(measure(QUICK_RUNS if options.quick else RUNS), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
