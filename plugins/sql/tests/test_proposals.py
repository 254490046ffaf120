"""Proposals that read samples: long and child tables, several answers, labels, weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from plugins.sql.tests.conftest import ON_MARIADB, READER, READER_PASSWORD
from plugins.sql.tests.databases import (
    a_deadline,
    a_query,
    answer,
    counted,
    duckdb_with,
    labels,
    mariadb_at,
    postgresql_at,
    sqlite_with,
)
from smaply_metrics_sql.databases.database import (
    CatalogColumn,
    CatalogTable,
    ColumnType,
    SqlDatabase,
)
from smaply_metrics_sql.mapping import answer_tables, proposed_text
from smaply_metrics_sql.mapping.answer_tables import AnswerRows
from smaply_metrics_sql.mapping.labels import labels_in
from smaply_metrics_sql.mapping.model import AnswerType, SurveyMapping
from smaply_metrics_sql.mapping.proposed_text import propose_text
from smaply_metrics_sql.mapping.samples import TableSamples
from smaply_metrics_sql.mapping.sheet import MappingSheet
from smaply_metrics_sql.mapping.yaml_text import read_mapping

Make = Callable[..., SqlDatabase]
SPECIAL_NAME = 'we\nird "x"'
DEEP = pytest.mark.deep(reason="the rules are the same on SQLite")

RESPONSES = (
    "CREATE TABLE responses (id integer, submitted_at timestamp, finished integer, country text)",
    (
        "INSERT INTO responses VALUES (1, '2026-01-01', 1, 'AT'), (2, '2026-01-02', 1, 'DE'), "
        "(3, '2026-01-03', 0, 'AT')"
    ),
)
ANSWERS = (
    "CREATE TABLE answers (response_id integer, question varchar(50), answer varchar(50))",
    (
        "INSERT INTO answers VALUES (1, 'nps', '9'), (2, 'nps', '3'), (1, 'csat', '5'), "
        "(2, 'csat', '1'), (1, 'reasons', 'price'), (1, 'reasons', 'staff'), "
        "(2, 'reasons', 'price'), (1, 'channel', 'web'), (2, 'channel', 'shop'), "
        "(1, 'email', 'ann@example.com')"
    ),
)


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("duckdb", marks=DEEP),
        pytest.param("postgresql", marks=[DEEP, pytest.mark.xdist_group("sql_postgresql")]),
        pytest.param("mariadb", marks=ON_MARIADB),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a database of one of the engines."""
    opened: list[SqlDatabase] = []

    def made(*statements: str) -> SqlDatabase:
        match request.param:
            case "sqlite":
                database: SqlDatabase = sqlite_with(*statements)
            case "duckdb":
                database = duckdb_with(tmp_path, *statements)
            case "mariadb":
                server = request.getfixturevalue("mariadb_database")(*statements)
                database = mariadb_at(server.port, server.name, READER, READER_PASSWORD)
            case _:
                server = request.getfixturevalue("reader_database")(*statements)
                database = postgresql_at(server.port, server.name, READER, READER_PASSWORD)
        opened.append(database)
        return database

    yield made
    for one in opened:
        one.close()


def proposed(database: SqlDatabase, table: str) -> tuple[SurveyMapping, str]:
    """Return the survey that is proposed for a table, and the whole text."""
    tables = [one for one in database.tables() if not one.schema]  # MariaDB's server is shared.
    text = propose_text(tables, TableSamples(database, a_deadline()))
    surveys = [one for one in read_mapping(text).surveys if one.id == table]
    assert len(surveys) == 1, text
    return surveys[0], text


def test_a_long_table_is_proposed_with_its_responses(make: Make) -> None:
    """The types of its questions follow from their answers; the mapping counts as written."""
    database = make(*RESPONSES, *ANSWERS)
    survey, text = proposed(database, "responses")

    assert survey.answers is not None
    assert (survey.response, survey.answers.table) == ("id", "answers")
    assert {one.column: one.type for one in survey.questions} == {
        "channel": AnswerType.CHOICE,
        "csat": AnswerType.SCALE,
        "nps": AnswerType.NPS,
        "reasons": AnswerType.MULTIPLE,
    }
    assert "# Left out, since the name suggests a person: email.\n" in text
    assert "ann@" not in text
    nps = answer(database, survey, a_query("nps", "nps"))
    assert counted(nps) == {"3": 1, "9": 1}
    assert counted(answer(database, survey, a_query("reasons", "distribution"))) == {
        "price": 2,
        "staff": 1,
    }


def test_a_child_table_is_a_question_with_several_answers(make: Make) -> None:
    """Next to the columns of the table of responses."""
    database = make(
        "CREATE TABLE visits (id integer, recorded_at timestamp, nps integer)",
        "INSERT INTO visits VALUES (1, '2026-01-01', 9), (2, '2026-01-01', 8)",
        "CREATE TABLE visit_topics (id integer, visit_id integer, topic varchar(20))",
        "INSERT INTO visit_topics VALUES (1, 1, 'price'), (2, 1, 'staff'), (3, 2, 'price')",
    )
    survey, _ = proposed(database, "visits")

    several = survey.questions[1]
    assert (survey.response, several.type) == ("id", AnswerType.MULTIPLE)
    assert several.child is not None
    assert several.child.answer == "topic"
    found = answer(database, survey, a_query(several.question_id, "distribution"))
    assert counted(found) == {"price": 2, "staff": 1}


def test_a_long_table_next_to_columns_is_a_survey_of_its_own(make: Make) -> None:
    """A survey has its answers in columns or in a long table."""
    database = make(
        "CREATE TABLE visits (id integer, recorded_at timestamp, nps integer)",
        "INSERT INTO visits VALUES (1, '2026-01-01', 9), (2, '2026-01-01', 8)",
        "CREATE TABLE visit_answers (visit_id integer, item varchar(9), value integer)",
        "INSERT INTO visit_answers VALUES (1, 'speed', 4), (2, 'speed', 2), (2, 'price', 900), "
        "(1, 'price', 20)",
    )
    long, _ = proposed(database, "visit_answers")

    assert long.table == proposed(database, "visits")[0].table
    assert {one.column: one.type for one in long.questions} == {
        "price": AnswerType.NUMBER,
        "speed": AnswerType.SCALE,
    }
    assert counted(answer(database, long, a_query("speed", "average"))) == {"2": 1, "4": 1}


def test_ids_without_responses_are_stated(make: Make) -> None:
    """The share is in a comment; the table with the most of them is chosen."""
    database = make(
        *RESPONSES,
        "CREATE TABLE archive_responses (id integer, submitted_at timestamp)",
        "INSERT INTO archive_responses VALUES (1, '2026-01-01')",
        *ANSWERS,
        "INSERT INTO answers VALUES (7, 'nps', '1'), (8, 'nps', '1')",
    )
    _, text = proposed(database, "responses")

    assert "# Check: 50% of the values of “response_id” in “" in text
    assert "archive" not in text


def test_answers_without_responses_are_a_comment(make: Make) -> None:
    """Their time is unknown, so nothing can be proposed but a view."""
    database = make(
        "CREATE TABLE feedback (recorded_at timestamp, nps integer)",
        "CREATE TABLE marks (response_id integer, question varchar(9), score integer)",
    )
    survey, text = proposed(database, "feedback")

    assert [one.type for one in survey.questions] == [AnswerType.NPS]
    assert text.startswith("# “")
    assert "marks” looks like one row per answer" in text


def test_several_answers_in_one_text_are_found(make: Make) -> None:
    """A delimiter separates answers that occur alone, too; places with commas are not answers."""
    database = make(
        "CREATE TABLE visits (recorded_at timestamp, nps integer, topics varchar(50), "
        "city varchar(50), remark varchar(50))",
        "INSERT INTO visits VALUES ('2026-01-01', 9, 'price; staff', 'Vienna, Austria', 'So, so'), "
        "('2026-01-01', 8, 'price', 'Graz, Austria', 'Good; really'), "
        "('2026-01-01', 8, 'staff;price', 'Bern, Switzerland', NULL)",
    )
    survey, text = proposed(database, "visits")

    assert [(one.column, one.delimiter) for one in survey.questions] == [
        ("nps", ""),
        ("topics", ";"),
    ]
    assert [one.column for one in survey.fields] == ["city", "remark"]
    assert "# Check: “topics” seems to have several answers in one text. If not," in text
    found = answer(database, survey, a_query("topics", "distribution"))
    assert counted(found) == {"price": 3, "staff": 2}


def test_tables_of_labels_are_found(make: Make) -> None:
    """By their name and their keys; those of persons and of other values are not."""
    database = make(
        "CREATE TABLE visits (recorded_at timestamp, csat integer, channel_id integer, "
        "customer integer, branch integer)",
        "INSERT INTO visits VALUES ('2026-01-01', 1, 7, 1, 5), ('2026-01-01', 2, 8, 1, 5)",
        "CREATE TABLE csat_labels (code integer, label varchar(20))",
        "INSERT INTO csat_labels VALUES (1, 'Bad'), (2, 'Good')",
        "CREATE TABLE channels (id integer, name varchar(20))",
        "INSERT INTO channels VALUES (7, 'Web'), (8, 'Shop')",
        "CREATE TABLE customers (id integer, name varchar(20))",
        "INSERT INTO customers VALUES (1, 'Ann')",
        "CREATE TABLE branches (id integer, name varchar(20))",
        "INSERT INTO branches VALUES (1, 'Vienna')",
    )
    survey, _ = proposed(database, "visits")

    assert [(one.column, one.type, bool(one.labels)) for one in survey.questions] == [
        ("csat", AnswerType.SCALE, True),
        ("channel_id", AnswerType.CHOICE, True),
    ]
    assert labels(database, survey, "channel_id") == {"7": "Web", "8": "Shop"}


def test_what_to_check_is_a_comment(make: Make) -> None:
    """A zone, a scale that could be NPS, values that are none, a weight that is a text."""
    database = make(
        "CREATE TABLE visits (recorded_at date, rating integer, nps integer, "
        "design_weight varchar(9), wgt float, customer_id integer)",
        "INSERT INTO visits VALUES ('2026-01-01', 0, 11, '1.5', 1.5, 3), "
        "('2026-01-01', 10, 5, '1', 0.5, 3)",
    )
    survey, text = proposed(database, "visits")

    assert "# Check: times in “recorded_at” without a zone are read as UTC." in text
    assert "# Check: “rating” has answers from 0 to 10." in text
    assert "# Check: “nps” has answers outside of 0 to 10. If they are valid" in text
    assert "# Check: “design_weight” looks like a weight, but is a text." in text
    assert "# Left out, since the name suggests a person or an identifier: customer_id.\n" in text
    assert [one.column for one in survey.fields] == ["wgt"]


def test_special_names_are_proposed_and_quoted() -> None:
    """A line break in a name does not end a comment; a broken view is left out."""
    quoted = SPECIAL_NAME.replace('"', '""')
    database = sqlite_with(
        f'CREATE TABLE "{quoted}" (recorded_at timestamp, nps integer, "ORDER" text, '
        '"a\nb_id" text)',
        f"""INSERT INTO "{quoted}" VALUES ('2026-01-01', 9, 'b', 'x'), """
        "('2026-01-01', 9, 'b; c', 'x'), ('2026-01-01', 9, 'c', 'x')",
        "CREATE VIEW responses AS SELECT recorded_at, nps FROM gone",
        f"CREATE TABLE wide (created_at timestamp, {'nps_' + 'x' * 400} integer)",
    )
    survey, text = proposed(database, SPECIAL_NAME)

    assert [one.column for one in survey.questions] == ["nps", "ORDER"]
    assert "identifier: a b_id.\n" in text
    assert text.startswith("# “wide” cannot be mapped as it is: names have up to 300 characters")
    assert counted(answer(database, survey, a_query("ORDER", "distribution"))) == {"b": 2, "c": 2}
    database.close()


def test_a_proposal_reads_a_limited_number_of_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of wide tables beyond it are proposed by name and type alone."""
    monkeypatch.setattr(proposed_text, "MOST_SAMPLED_COLUMNS", 2)
    columns = ", ".join(f"q{number} integer" for number in range(50))
    database = sqlite_with(f"CREATE TABLE visits (recorded_at timestamp, {columns})")
    read: list[str] = []
    monkeypatch.setattr(TableSamples, "values", lambda _self, _table, column: read.append(column))
    survey, _ = proposed(database, "visits")

    assert read == ["q0", "q1"]
    assert len(survey.questions) == 50
    database.close()


@pytest.mark.parametrize(
    ("comment", "text", "choices"),
    [
        (
            "Satisfaction (1 = bad, 3=very good)",
            "Satisfaction",
            {"1": "bad", "2": "", "3": "very good"},
        ),
        ("Channel: 10: web; 99: no answer", "Channel", {"10": "web", "99": "no answer"}),
        ("-1 = less\n0 = same\n1 = more", "", {"-1": "less", "0": "same", "1": "more"}),
        ("In version 2: the speed", "In version 2: the speed", {}),
        ("", "", {}),
    ],
)
def test_labels_in_a_comment(comment: str, text: str, choices: dict[str, str]) -> None:
    """Two at least; a scale with labels at its ends is filled."""
    found = labels_in(comment)

    assert found.text == text
    assert {one.key: one.label for one in found.choices} == choices


@DEEP
def test_comments_of_columns_are_labels(tmp_path: Path) -> None:
    """In a column with the name of a rating, and in another one of numbers."""
    database = duckdb_with(
        tmp_path,
        "CREATE TABLE visits (recorded_at timestamp, csat integer, speed integer)",
        "COMMENT ON COLUMN visits.csat IS 'Satisfied? 1 = no, 2 = yes'",
        "COMMENT ON COLUMN visits.speed IS '1 = slow, 2 = fast'",
    )
    survey, text = proposed(database, "visits")

    assert labels(database, survey, "csat") == {"1": "no", "2": "yes"}
    assert [(one.text, one.type) for one in survey.questions] == [
        ("Satisfied?", AnswerType.SCALE),
        ("speed", AnswerType.SCALE),
    ]
    assert "# Check: “speed” is a scale. If its numbers are only codes" in text
    database.close()


@pytest.mark.parametrize(
    "column", ["E-Mail", "eMail", "First Name", "customerId", "customer.name", "Contact ID"]
)
def test_personal_columns_are_recognised_in_any_spelling(column: str) -> None:
    """A column about a person is neither proposed nor are its values shown."""
    database = sqlite_with(
        f'CREATE TABLE survey (submitted_at timestamp, nps integer, "{column}" text)',
        *["INSERT INTO survey VALUES ('2026-01-01', 9, 'ann@example.com')"] * 3,
    )
    samples = TableSamples(database, a_deadline())
    text = propose_text(database.tables(), samples)
    sheet = MappingSheet(text, database.tables(), samples).sheet("", ())
    (survey,) = read_mapping(text).surveys
    assert survey.fields == ()
    assert [one.values for one in sheet.columns if one.name == column] == [()]


def test_many_unrelated_tables_are_not_compared_with_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only tables with a column that is named like the id of another one are."""
    compared: list[str] = []
    answers_of = answer_tables._answers_of  # Counts the work, not the time.

    def counting(table: CatalogTable, responses: CatalogTable) -> AnswerRows | None:
        compared.append(table.name)
        return answers_of(table, responses)

    monkeypatch.setattr(answer_tables, "_answers_of", counting)
    columns = (
        CatalogColumn("id", ColumnType.INTEGER),
        CatalogColumn("created_at", ColumnType.TIMESTAMP),
    )
    tables = [CatalogTable("main", f"thing_{place}", columns) for place in range(100)]
    child = (CatalogColumn("thing_7_id", ColumnType.INTEGER), CatalogColumn("a", ColumnType.TEXT))
    tables.append(CatalogTable("main", "answers", child))
    samples = cast(TableSamples, SimpleNamespace(share_found=lambda *_: 1.0))
    (found,) = answer_tables.answer_tables(tables, tables[:-1], samples)
    assert (found.table.name, found.responses.name) == ("answers", "thing_7")
    assert compared == ["answers"]
