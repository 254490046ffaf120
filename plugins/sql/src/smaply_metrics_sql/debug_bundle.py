"""Debug bundles: what the statements read, as CSV, and answers from it by the same statements.

Each question is one column. Free text is written only if personal data is included; otherwise, that
there was one.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final

from sqlalchemy import ColumnElement, case, literal, null, select

from smaply_metrics_core import (
    BundleReader,
    BundleWriter,
    CredentialRefused,
    DeadlineExceeded,
    ExclusionReason,
    ExportFailed,
    MetricQuery,
    MetricsError,
    Question,
    QuestionKind,
    Questionnaire,
    RemoteError,
    SourceContext,
    Tally,
    csv_records,
)
from smaply_metrics_sql.counting.answers import key_text
from smaply_metrics_sql.counting.grouping import utc_seconds
from smaply_metrics_sql.counting.relation import Catalog, Relation
from smaply_metrics_sql.counting.time_pieces import is_known
from smaply_metrics_sql.counting.time_span import time_span
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from smaply_metrics_sql.fetch import fetch
from smaply_metrics_sql.mapping.model import (
    AnswerType,
    DatabaseMapping,
    MappedChoice,
    MappedField,
    MappedQuestion,
    RecordedAt,
    Status,
    SurveyMapping,
)
from smaply_metrics_sql.mapping.yaml_text import MappingInvalid, read_mapping, write_mapping
from smaply_metrics_sql.opening import opened
from smaply_metrics_sql.questionnaire import QuestionnaireReader
from smaply_metrics_sql.surveys import find_survey

RESPONSES: Final = "responses.csv"
MAPPING: Final = "mapping.yaml"
DEFINITION: Final = "definition.json"
OWN_MAPPING: Final = "bundle_mapping.yaml"
"""The mapping of the responses file of the bundle."""

_TABLE: Final = "responses"
_RECORDED: Final = "recorded_at"
_STATUS: Final = "excluded"
_DELIMITERS: Final = (";", "|", ",", "\t", "\x1f")


def export(
    credentials: SqlCredentials, context: SourceContext, survey_id: str, bundle: BundleWriter
) -> None:
    """Write the mapping, the questionnaire and the responses of a survey.

    Errors of the database do not abort the bundle: they are written to ``problem.json``.

    Raises:
        CredentialRefused: when the database rejects the user.
    """
    with opened(credentials, context) as database:
        mapping, catalog = find_survey(credentials, database, survey_id)
        bundle.add_text(MAPPING, write_mapping(DatabaseMapping(surveys=(mapping,))))
        problems = [*_trying(lambda: _write(database, catalog, mapping, context, bundle))]
    if problems:
        bundle.add_json("problem.json", [one.to_problem() for one in problems])


def recompute(
    context: SourceContext, queries: Sequence[MetricQuery], bundle: BundleReader
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Yield the tally of each query from the files of a bundle.

    Raises:
        ExportFailed: when the files of the bundle are damaged.
    """
    with bundle.open(OWN_MAPPING) as file:
        try:
            mapping = read_mapping(file.read().decode(errors="replace")).surveys[0]
        except MappingInvalid as error:
            raise ExportFailed(f"{OWN_MAPPING}: {error}") from None
    database, connection = SqliteDatabase.in_memory(context.deadline)
    try:
        with bundle.open(f"raw/{RESPONSES}") as file:
            weights = {
                query.definition.weight.of
                for query in queries
                if query.definition.weight is not None
            }
            _fill(connection, mapping, csv_records(file, deadline=context.deadline), weights)
        # The bundle's instant: responses that were recorded later are not in it.
        connection.execute(
            f"DELETE FROM {_TABLE} WHERE {_RECORDED} > ?",  # noqa: S608  # Names of this module.
            (context.now().timestamp(),),
        )
        connection.commit()
        catalog = Catalog.of(database.tables())
        yield from fetch(database, catalog, mapping, queries, context, context.now())
    finally:
        database.close()


def _trying(work: Callable[[], object]) -> tuple[MetricsError, ...]:
    try:
        work()
    except CredentialRefused:
        raise
    except (RemoteError, DeadlineExceeded) as error:
        return (error,)
    return ()


def _write(
    database: SqlDatabase,
    catalog: Catalog,
    mapping: SurveyMapping,
    context: SourceContext,
    bundle: BundleWriter,
) -> None:
    questionnaire = QuestionnaireReader(database, catalog).read(mapping)
    bundle.add_json(DEFINITION, questionnaire)
    own = _own_mapping(mapping, questionnaire)
    bundle.add_text(OWN_MAPPING, write_mapping(DatabaseMapping(surveys=(own,))))
    choices = {one.id: tuple(choice.key for choice in one.choices) for one in questionnaire.walk()}
    relation = Relation(database, mapping, catalog, choices)
    path = context.folder / RESPONSES
    with path.open("w", encoding="utf-8", newline="") as draft:
        _write_rows(draft, relation, own, questionnaire, personal=bundle.include_personal)
    with path.open("rb") as file:
        bundle.add_csv(RESPONSES, file)


def _own_mapping(mapping: SurveyMapping, questionnaire: Questionnaire) -> SurveyMapping:
    """Return the mapping of the file that a bundle gets: one column per question and field."""
    types = {one.question_id: one.type for one in mapping.questions}
    return SurveyMapping(
        id=mapping.id,
        name=mapping.name,
        table=_TABLE,
        recorded_at=RecordedAt(column=_RECORDED),
        status=Status(column=_STATUS, exclude={str(one): one for one in ExclusionReason}),
        questions=tuple(
            MappedQuestion(
                id=question.id,
                column=f"q{place}",
                text=question.text,
                type=types[question.id]
                if question.choices or question.kind is QuestionKind.NUMBER
                else AnswerType.TEXT,
                choices=tuple(
                    MappedChoice(key=one.key, label=one.label, value=one.value, counts=one.analyze)
                    for one in question.choices
                ),
                delimiter=_delimiter(question),
            )
            for place, question in enumerate(questionnaire.walk())
        ),
        fields=tuple(
            MappedField(name=one.field_name, column=f"f{place}", label=one.label)
            for place, one in enumerate(mapping.fields)
        ),
    )


def _delimiter(question: Question) -> str:
    """Return what separates several answers: a text that no key has."""
    if question.kind is not QuestionKind.MULTIPLE_CHOICE:
        return ""
    keys = "".join(choice.key for choice in question.choices)
    return next(one for one in _DELIMITERS if one not in keys)


def _write_rows(
    file: IO[str],
    relation: Relation,
    own: SurveyMapping,
    questionnaire: Questionnaire,
    *,
    personal: bool,
) -> None:
    """Write the responses, read in blocks."""
    seconds = utc_seconds(relation, time_span(relation))
    columns: list[ColumnElement[Any]] = [
        case((is_known(seconds), seconds), else_=null()),
        relation.left_out(lambda why: null() if why is None else literal(str(why))),
    ]
    several: list[tuple[int, tuple[str, ...], str]] = []
    for question, mapped in zip(questionnaire.walk(), own.questions, strict=True):
        if mapped.delimiter:
            flags = relation.flags(question.id)
            several.append((len(columns), tuple(flags), mapped.delimiter))
            columns += [case((flag, 1), else_=0) for flag in flags.values()]
            continue
        value = relation.answer(question.id).filled()
        if question.kind is QuestionKind.TEXT and not personal:
            value = case((value.is_not(None), "(text)"), else_=null())
        columns.append(value)
    columns += [relation.field(one.field_name).filled() for one in own.fields]
    statement = select(
        *(column.label(f"c{place}") for place, column in enumerate(columns))
    ).select_from(relation.source)
    writer = csv.writer(file)
    writer.writerow(_header(own))
    for block in relation.database.stream(statement):
        writer.writerows(_joined(row, several) for row in block)


def _header(own: SurveyMapping) -> list[str]:
    questions = (one.column for one in own.questions)
    return [_RECORDED, _STATUS, *questions, *(one.column for one in own.fields)]


def _joined(
    row: Sequence[Any], several: Sequence[tuple[int, tuple[str, ...], str]]
) -> Iterator[str]:
    """Yield the cells of a row; the flags of several answers become one text."""
    place = 0
    for start, keys, delimiter in several:
        yield from (key_text(value) or "" for value in row[place:start])
        place = start + len(keys)
        yield delimiter.join(key for key, flag in zip(keys, row[start:place], strict=True) if flag)
    yield from (key_text(value) or "" for value in row[place:])


def _fill(
    connection: sqlite3.Connection,
    mapping: SurveyMapping,
    records: Iterator[list[str]],
    weights: set[str],
) -> None:
    """Load the responses of a bundle. Columns have no type, so that numbers stay numbers."""
    header = next(records, [])
    if header != _header(mapping):
        raise ExportFailed(f"{RESPONSES} does not have the columns of {OWN_MAPPING}.")
    numbers = {
        _RECORDED,
        *(one.column for one in mapping.questions if one.type is AnswerType.NUMBER),
        *(one.column for one in mapping.fields if one.field_name in weights),
        *(one.column for one in mapping.questions if one.question_id in weights),
    }
    in_order = [name in numbers for name in header]
    quoted = ", ".join(f'"{name}"' for name in header)
    connection.execute(f"CREATE TABLE {_TABLE} ({quoted})")
    marks = ", ".join("?" * len(header))
    connection.executemany(
        f"INSERT INTO {_TABLE} VALUES ({marks})",  # noqa: S608  # Only question marks.
        (
            [_number(cell) if number else cell or None for number, cell in pairs]
            for record in records
            if record and (pairs := [*zip(in_order, record, strict=True)])
        ),
    )
    connection.commit()


def _number(text: str) -> str | float | None:
    """Return a number; what is none stays a text, and counts as unreadable."""
    try:
        return float(text) if text else None
    except ValueError:
        return text
