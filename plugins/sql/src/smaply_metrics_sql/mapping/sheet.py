"""A mapping as sheets of one table each: its columns, their roles and some of their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from smaply_metrics_core import (
    ColumnEdit,
    ColumnSheet,
    InputError,
    SheetColumn,
    SheetTable,
    ValueCount,
)
from smaply_metrics_sql.databases.database import CatalogColumn, CatalogTable, ColumnType
from smaply_metrics_sql.mapping.column_names import identifies, is_personal
from smaply_metrics_sql.mapping.column_roles import (
    IGNORED,
    KINDS,
    RECORDED,
    RESPONSE,
    ROLES,
    RoleChange,
    apply_changes,
    new_survey,
    possible_roles,
    roles_of,
)
from smaply_metrics_sql.mapping.delimiters import delimiter_in
from smaply_metrics_sql.mapping.model import AnswerType, LongTable, SurveyMapping
from smaply_metrics_sql.mapping.proposed_text import propose_text
from smaply_metrics_sql.mapping.samples import TableSamples, Values
from smaply_metrics_sql.mapping.text_edits import lost_comments, replace_survey
from smaply_metrics_sql.mapping.yaml_text import MOST_CHARACTERS, read_mapping

MOST_COLUMNS: Final = 500
MOST_TABLES: Final = 2_000
MOST_WITH_VALUES: Final = 60
"""The maximum number of columns whose values are shown."""
FEWEST_ROWS: Final = 3
"""How many rows must have a value that is shown, whatever the account's minimum."""
_MOST_VALUES: Final = 6
_LONGEST_VALUE: Final = 60
_LONGEST_LABEL: Final = 1_000
_LONGEST_NAME: Final = 300
_COLUMN: Final = "column:"
_QUESTION: Final = "question:"
_CHILD: Final = "child:"
_SURVEY: Final = "survey:"
_TABLE: Final = "table:"


class MappingSheet:
    """The sheet of a mapping.

    Args:
        text: The mapping; a proposal if it is empty.
        tables: The tables of the database.
        samples: Samples of them.
    """

    def __init__(self, text: str, tables: Sequence[CatalogTable], samples: TableSamples) -> None:
        self._tables = {table.full_name: table for table in tables}
        self._samples = samples
        self._is_proposal = not text.strip()
        self._text = propose_text(tables, samples) if self._is_proposal else text
        self._surveys = _surveys_in(self._text)

    def sheet(self, table: str, edits: Sequence[ColumnEdit]) -> ColumnSheet:
        """Return the sheet of a table with edits.

        Args:
            table: The id of the table; empty for the first one.
            edits: What a person chose for its columns.

        Raises:
            InputError: when the table does not exist, or an edit is not possible.
        """
        chosen = table or next((one.id for one in self._choices()), "")
        if not chosen:
            return ColumnSheet(
                value="", notes=("No tables found. Grant SELECT on those of the responses.",)
            )
        if edits:
            chosen = self._apply(chosen, edits)
        survey, found = self._find(chosen)
        columns = [*self._columns(survey, found)]
        return ColumnSheet(
            value=self._text,
            tables=tuple(self._choices()),
            table=chosen,
            roles=ROLES,
            columns=tuple(columns[:MOST_COLUMNS]),
            notes=tuple(self._notes(survey, found, len(columns))),
        )

    def _choices(self) -> Iterator[SheetTable]:
        """Yield the surveys, then the tables that no survey has."""
        for one in self._surveys.values():
            named = one.name and one.name != one.table
            label = f"{one.name}: {one.table}" if named else one.table
            yield SheetTable(id=f"{_SURVEY}{one.id}", label=_line(label))
        mapped = {one.table for one in self._surveys.values()}
        others = (
            name for name in self._tables if name not in mapped and len(name) <= _LONGEST_NAME
        )
        for name in islice(others, MOST_TABLES):
            yield SheetTable(id=f"{_TABLE}{name}", label=f"{name} (not a survey)")

    def _find(self, chosen: str) -> tuple[SurveyMapping | None, CatalogTable]:
        """Return the survey and the table of an id."""
        survey = None
        name = chosen.removeprefix(_TABLE)
        if chosen.startswith(_SURVEY):
            survey = self._surveys.get(chosen.removeprefix(_SURVEY))
            name = survey.table if survey else ""
        found = self._tables.get(name)
        if found is None and survey is None:
            raise InputError(
                "This table or survey no longer exists.", remedy="Choose another table."
            )
        # A table that was deleted has the columns of the mapping.
        return survey, found or CatalogTable("", name, ())

    def _apply(self, chosen: str, edits: Sequence[ColumnEdit]) -> str:
        """Write edits to the text, and return the id of the table afterwards."""
        survey, found = self._find(chosen)
        shown = {one.id: one for one in self._columns(survey, found, with_values=False)}
        changes = []
        for edit in edits:
            was = shown.get(edit.column)
            if was is None:
                raise InputError(
                    f"The table “{found.full_name}” no longer has the column "
                    f"“{_named(edit.column)}”.",
                    remedy="Show its columns again.",
                )
            if edit.role not in was.roles:
                raise InputError(
                    f"“{was.name}” cannot have this role.", remedy="Choose one from the list."
                )
            if edit.role != was.role or _line(edit.label) != _line(was.label):
                changes.append(self._change(survey, found, edit, was))
        if not changes:
            return chosen
        types = {column.name: column for column in found.columns}
        before = survey or new_survey(found.full_name)
        after = apply_changes(before, changes, types)
        self._text = replace_survey(self._text, before.id, after)
        if not self._text:
            raise InputError(
                "A mapping must have at least one survey.",
                remedy="Map another table first, or clear the mapping to use the tables that look "
                "like responses.",
            )
        if len(self._text) > MOST_CHARACTERS:
            raise InputError(
                f"The mapping would have more than {MOST_CHARACTERS:,} characters.",
                remedy="Map fewer columns, or use a connection for each schema.",
            )
        self._surveys = _surveys_in(self._text)
        return f"{_TABLE}{before.table}" if after is None else f"{_SURVEY}{before.id}"

    def _change(
        self, survey: SurveyMapping | None, found: CatalogTable, edit: ColumnEdit, was: SheetColumn
    ) -> RoleChange:
        """Return an edit as a change of the mapping."""
        name, delimiter = _named(edit.column), ""
        column = found.column(name)
        is_new = edit.role == AnswerType.MULTIPLE != was.role
        is_text = column is not None and column.type in {ColumnType.TEXT, ColumnType.DYNAMIC}
        if is_new and is_text and (survey is None or survey.answers is None):
            values = self._samples.values(found, name)
            delimiter = delimiter_in(values) if values else ""
            if not delimiter:
                raise InputError(
                    f"No delimiter of several answers was found in “{name}”.",
                    remedy="Write the question with its `delimiter` in the text.",
                )
        is_child = edit.column.startswith(_CHILD)
        return RoleChange(name, edit.role, _line(edit.label), was.role, delimiter, is_child)

    def _columns(
        self, survey: SurveyMapping | None, found: CatalogTable, *, with_values: bool = True
    ) -> Iterator[SheetColumn]:
        """Yield the columns of the table and of the mapping, and questions in other tables."""
        roles, left = roles_of(survey), MOST_WITH_VALUES if with_values else 0
        is_long = survey is not None and survey.answers is not None
        columns = [one for one in found.columns if len(one.name) <= _LONGEST_NAME]
        if len(columns) > MOST_COLUMNS:
            columns.sort(key=lambda one: one.name not in roles)
        times = {kind for kind in ColumnType if self._samples.has_times(kind)}
        for column in columns:
            role, label = roles.get(column.name, (IGNORED, ""))
            values: tuple[ValueCount, ...] = ()
            has_values = role not in {RECORDED, RESPONSE} and _is_shown(column)
            if left > 0 and has_values and self._samples.has_time():
                left -= 1
                values = _shown(self._samples.values(found, column.name))
            yield SheetColumn(
                id=f"{_COLUMN}{column.name}",
                name=column.name,
                type="" if column.type is ColumnType.DYNAMIC else column.type.value,
                role=role,
                roles=possible_roles(column, role, long=is_long, times=column.type in times),
                label=_line(label),
                values=values,
            )
        for name, (role, label) in roles.items():
            if found.column(name) is None and name:
                yield SheetColumn(
                    id=f"{_COLUMN}{name}",
                    name=name,
                    type="does not exist",
                    role=role,
                    roles=(IGNORED, role),
                    label=_line(label),
                )
        if survey is not None:
            yield from self._questions(survey, with_values=with_values)

    def _questions(self, survey: SurveyMapping, *, with_values: bool) -> Iterator[SheetColumn]:
        """Yield the questions whose answers are in other tables."""
        for one in survey.questions:
            if one.child is not None:
                yield SheetColumn(
                    id=f"{_CHILD}{one.question_id}",
                    name=one.question_id,
                    type=f"rows of {one.child.table}",
                    role=one.type.value,
                    roles=(IGNORED, one.type.value),
                    label=_line(one.text),
                )
        if survey.answers is None:
            return
        mapped = {one.column: one for one in survey.questions if one.child is None}
        answered = self._answers(survey.answers)
        for key in [*mapped, *sorted(answered.keys() - mapped.keys())]:
            found = mapped.get(key)
            yield SheetColumn(
                id=f"{_QUESTION}{key}",
                name=key,
                type=f"rows of {survey.answers.table}",
                role=found.type.value if found else IGNORED,
                roles=(IGNORED, *KINDS),
                label=_line(found.text) if found else "",
                values=_shown(answered.get(key)) if with_values and _is_public(key) else (),
            )

    def _answers(self, long: LongTable) -> dict[str, Values]:
        """Return the questions of a long table with their answers."""
        table = self._tables.get(long.table)
        names = (long.response, long.question, long.answer)
        if table is None or not all(table.column(name) for name in names):
            return {}
        read = self._samples.answers(table, long)
        return {key: one.values for key, one in read[0].items()} if read else {}

    def _notes(
        self, survey: SurveyMapping | None, found: CatalogTable, columns: int
    ) -> Iterator[str]:
        if self._is_proposal and self._text:
            yield "The mapping was empty, so it contains a proposal, which is saved with the form."
        if survey is not None and not found.columns:
            yield (
                f"The table “{survey.table}” does not exist, or this user may not read it. Correct "
                "its name in the text, or grant SELECT on it."
            )
        if survey is not None and self._text:
            if lost := lost_comments(self._text, survey.id):
                yield lost
            recorded = found.column(survey.recorded_at.column)
            if recorded is not None and recorded.type is not ColumnType.INSTANT:
                yield (
                    f"Times in “{recorded.name}” without a zone are read as "
                    f"{survey.recorded_at.zone}. `zone` in the text changes that."
                )
        if columns > MOST_COLUMNS:
            yield (
                f"Of {columns:,} columns, {MOST_COLUMNS} are listed, those of the mapping first. "
                "Edit the text for the others."
            )


def _surveys_in(text: str) -> dict[str, SurveyMapping]:
    return {one.id: one for one in read_mapping(text).surveys} if text else {}


def _named(identity: str) -> str:
    return identity.partition(":")[2]


def _line(text: str) -> str:
    """Return a label as the field of a form shows it: in one line."""
    return " ".join(text.split())[:_LONGEST_LABEL]


def _is_public(name: str) -> bool:
    return not is_personal(name)


def _is_shown(column: CatalogColumn) -> bool:
    """Whether the values of a column are shown: not those of persons, identifiers and times."""
    types = {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE, ColumnType.OTHER}
    return not identifies(column.name) and column.type not in types


def _shown(values: Values | None) -> tuple[ValueCount, ...]:
    """Return the most frequent values, without those of few rows."""
    found = values.counts.items() if values else ()
    return tuple(
        ValueCount(value=value[:_LONGEST_VALUE], count=count)
        for value, count in islice(found, _MOST_VALUES)
        if count >= FEWEST_ROWS
    )
