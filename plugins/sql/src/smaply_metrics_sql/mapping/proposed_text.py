"""A proposed mapping as YAML, with comments about what an Admin has to check."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn, CatalogTable, ColumnType
from smaply_metrics_sql.mapping.answer_tables import (
    AnswerRows,
    answer_tables,
    long_question,
)
from smaply_metrics_sql.mapping.column_names import (
    WEIGHT,
    has_answer_rows,
    identifies,
    is_personal,
    same_schema_first,
    time_of,
)
from smaply_metrics_sql.mapping.labels import label_table_of
from smaply_metrics_sql.mapping.model import (
    MOST_COLUMNS,
    MOST_SURVEYS,
    AnswerType,
    ChildTable,
    LongTable,
    MappedQuestion,
    SurveyMapping,
)
from smaply_metrics_sql.mapping.proposal import propose_survey
from smaply_metrics_sql.mapping.question_columns import discover, refine
from smaply_metrics_sql.mapping.samples import SAMPLED_ANSWERS, TableSamples
from smaply_metrics_sql.mapping.yaml_text import MOST_CHARACTERS, comment_line, survey_lines

MOST_SAMPLED_COLUMNS: Final = 300
"""The maximum number of columns of which values are read, in all tables together."""
_MOST_NAMED: Final = 20
_MOST_REMARKS: Final = 5
_LONGEST_NAME: Final = 300
_SURVEY: Final = re.compile(
    r"(^|_)(response|survey|feedback|submission|interview|questionnaire)s?(_|$)", re.IGNORECASE
)
"""Names of tables whose texts are looked at even if no column looks like a question."""


@dataclass
class _ProposedSurvey:
    """A proposed survey.

    Attributes:
        survey: The survey.
        table: The table of its responses.
        remarks: What to check.
    """

    survey: SurveyMapping
    table: CatalogTable
    remarks: list[str] = field(default_factory=list)

    def change(self, **parts: object) -> None:
        """Replace parts of the survey."""
        self.survey = self.survey.model_copy(update=parts)


def propose_text(tables: Sequence[CatalogTable], samples: TableSamples) -> str:
    """Return the proposed mapping as YAML; empty if no table looks like responses.

    Surveys that do not fit into the longest mapping are left out, and counted in a comment.

    Args:
        tables: The tables of the database.
        samples: Samples of them.
    """
    proposer = _Proposer(tables, samples)
    proposed = [*islice(proposer.surveys(), MOST_SURVEYS)]
    remarks = proposer.remarks[:_MOST_REMARKS]
    room = MOST_CHARACTERS - sum(map(len, remarks)) - 200  # And for the other lines.
    parts: list[str] = []
    for one in proposed:
        part = "".join(map(comment_line, one.remarks)) + survey_lines(one.survey)
        if len(part) <= room:
            room -= len(part)
            parts.append(part)
    if not parts:
        return ""
    left_out = len(proposed) - len(parts)
    if left_out:
        fits = f"Tables that look like responses, but did not fit: {left_out}."
        remarks.insert(0, f"{fits} Map them in another connection.")
    head = "".join(map(comment_line, remarks))
    return f"{head}surveys:\n{''.join(parts)}"


class _Proposer:
    """Makes proposals with samples of the tables."""

    def __init__(self, tables: Sequence[CatalogTable], samples: TableSamples) -> None:
        self._tables = tables
        self._samples = samples
        self._left = MOST_SAMPLED_COLUMNS
        self.remarks: list[str] = []

    def surveys(self) -> Iterator[_ProposedSurvey]:
        """Yield the proposed surveys, and note about which tables nothing is proposed."""
        found: dict[str, _ProposedSurvey] = {}
        for table in self._tables:
            survey = None if has_answer_rows(table) else propose_survey(table)
            if survey is not None:
                found.setdefault(table.full_name, _ProposedSurvey(survey, table))
        self.remarks += [
            f"“{one.full_name[:_LONGEST_NAME]}” cannot be mapped as it is: names have up to "
            f"{_LONGEST_NAME} characters, surveys up to {MOST_COLUMNS:,} questions. Make a view."
            for one in self._tables
            if not has_answer_rows(one) and time_of(one) and one.full_name not in found
        ]
        likely = {name for name, one in found.items() if one.survey.questions}
        answers = self._answer_tables(likely)
        likely |= {one.responses.full_name for one in answers}
        for name, proposed in found.items():
            if name not in likely and not _SURVEY.search(proposed.table.name):
                continue
            self._refine(proposed)
            long = self._add_answers(
                proposed, [one for one in answers if one.responses.full_name == name]
            )
            yield from (one for one in (proposed, *long) if one.survey.questions)

    def _answer_tables(self, wide: Collection[str]) -> list[AnswerRows]:
        """Return the tables with one row per answer, and note those without responses."""
        responses = [one for one in self._tables if not has_answer_rows(one) and time_of(one)]
        others = [one for one in self._tables if one.full_name not in wide]
        found = [*answer_tables(others, responses, self._samples)]
        known = {one.table.full_name for one in found}
        self.remarks += [
            f"“{one.full_name[:_LONGEST_NAME]}” looks like one row per answer, but no table with "
            "one row per response and its time was found. Make a view of responses, and map both."
            for one in self._tables
            if has_answer_rows(one) and one.full_name not in known
        ]
        return found

    def _refine(self, proposed: _ProposedSurvey) -> None:
        """Add what samples, comments and tables of labels say about the columns of a table."""
        survey = proposed.survey
        recorded = proposed.table.column(survey.recorded_at.column)
        if recorded is not None and recorded.type is not ColumnType.INSTANT:
            proposed.remarks.append(
                f"Check: times in “{recorded.name}” without a zone are read as UTC. "
                "If they are local, add `zone` to `recorded_at`, such as Europe/Vienna."
            )
        questions = {one.column: one for one in survey.questions}
        fields = {one.column: one for one in survey.fields}
        left_out = []
        for column in proposed.table.columns:
            if column.name in {survey.response, survey.recorded_at.column}:
                continue
            question = self._question(proposed, column, questions.get(column.name))
            if question is not None:
                questions[column.name] = question
                fields.pop(column.name, None)
            elif column.name not in fields and identifies(column.name):
                left_out.append(column.name)
            elif WEIGHT.search(column.name) and column.type is ColumnType.TEXT:
                proposed.remarks.append(
                    f"Check: “{column.name}” looks like a weight, but is a text. "
                    "Make a view that casts it to a number."
                )
        order = {column.name: place for place, column in enumerate(proposed.table.columns)}
        proposed.change(
            questions=tuple(sorted(questions.values(), key=lambda one: order[one.column])),
            fields=tuple(fields.values()),
        )
        if left_out:
            named = ", ".join(left_out[:_MOST_NAMED]) + (", …" if left_out[_MOST_NAMED:] else "")
            proposed.remarks.append(
                f"Left out, since the name suggests a person or an identifier: {named}."
            )

    def _question(
        self, proposed: _ProposedSurvey, column: CatalogColumn, question: MappedQuestion | None
    ) -> MappedQuestion | None:
        """Return the question of a column, with its labels; ``None`` if it is none."""
        status = proposed.survey.status
        about = {status.column if status else None}
        if column.name in about or WEIGHT.search(column.name) or is_personal(column.name):
            return None
        can_read = self._left > 0 and self._samples.has_time()
        if column.type not in {*NUMBERS, ColumnType.TEXT, ColumnType.DYNAMIC} or not can_read:
            return question
        self._left -= 1
        values = self._samples.values(proposed.table, column.name)
        if values is None:
            proposed.remarks.append(
                f"Check: “{column.name}” could not be read. Grant SELECT on it, or fix its view."
            )
            return question
        labels = label_table_of(
            column.name,
            values,
            same_schema_first(self._tables, proposed.table.schema),
            self._samples,
        )
        if question is None:
            found, remark = discover(column, values, labels)
        else:
            found, remark = refine(question, column, values, labels)
        proposed.remarks += [remark] if remark else []
        return found

    def _add_answers(
        self, proposed: _ProposedSurvey, answers: Sequence[AnswerRows]
    ) -> list[_ProposedSurvey]:
        """Add the answers in other tables; return further surveys, if they need some."""
        more = []
        for one in answers:
            remarks = []
            if not one.is_certain:
                remarks.append(
                    f"Check: {one.share:.0%} of the values of “{one.columns.response}” in "
                    f"“{one.table.full_name}” are in “{one.response_id}” of "
                    f"“{one.responses.full_name}”. Rows with other values are not counted."
                )
            if isinstance(one.columns, ChildTable):
                self._add_child(proposed, one, one.columns, remarks)
                continue
            questions = self._long_questions(one, one.columns, remarks)
            parts = {"response": one.response_id, "answers": one.columns}
            if all(each.child for each in proposed.survey.questions):
                questions = (*questions, *proposed.survey.questions)
                proposed.change(questions=questions, **parts)
                proposed.remarks += remarks
            else:  # A survey has one table of answers, or columns.
                name = one.table.full_name
                parts |= {"id": name, "name": one.table.comment or name, "questions": questions}
                survey = proposed.survey.model_copy(update=parts)
                more.append(
                    _ProposedSurvey(survey, proposed.table, [*proposed.remarks[:1], *remarks])
                )
        return more

    def _add_child(
        self,
        proposed: _ProposedSurvey,
        found: AnswerRows,
        child: ChildTable,
        remarks: Sequence[str],
    ) -> None:
        """Add the question whose answers are the rows of another table."""
        values = self._samples.values(found.table, child.answer)
        taken = {one.question_id for one in proposed.survey.questions}
        if values is None or not values.complete or not values.counts:
            return  # Free text.
        name = found.table.full_name
        question = MappedQuestion(
            id=f"{name} (rows)" if name in taken else name,
            text=found.table.comment or name,
            type=AnswerType.MULTIPLE,
            child=child,
        )
        proposed.change(
            questions=(*proposed.survey.questions, question), response=found.response_id
        )
        proposed.remarks += remarks

    def _long_questions(
        self, found: AnswerRows, long: LongTable, remarks: list[str]
    ) -> tuple[MappedQuestion, ...]:
        """Return the questions of a table with one row per answer."""
        answer = found.table.column(long.answer)
        read = self._samples.answers(found.table, long)
        if read is None or answer is None:
            return ()
        answered, complete = read
        personal = sorted(key for key in answered if is_personal(key))
        if personal:
            remarks.append(
                f"Left out, since the name suggests a person: {', '.join(personal[:_MOST_NAMED])}."
            )
        if not complete:
            remarks.append(
                f"Check: the questions are those of {SAMPLED_ANSWERS:,} rows of "
                f"“{found.table.full_name}”. Others may be missing."
            )
        return tuple(
            long_question(key, answered[key], answer.type)
            for key in sorted(answered)
            if key not in personal
        )
