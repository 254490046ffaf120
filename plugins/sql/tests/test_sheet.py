"""The sheet of a mapping: roles of columns, and how edits of them change its text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.sql.tests.conftest import READER, READER_PASSWORD, ReaderDatabase
from plugins.sql.tests.databases import NOW, a_deadline, postgresql_at, sqlite_with
from smaply_metrics_core import ColumnEdit, ColumnSheet, Deadline, InputError
from smaply_metrics_core.testing import ManualClock
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.mapping.samples import TableSamples
from smaply_metrics_sql.mapping.sheet import MOST_COLUMNS, MappingSheet
from smaply_metrics_sql.mapping.yaml_text import read_mapping

TABLE = (
    (
        "CREATE TABLE visits (id integer, seen timestamp, done integer, nps integer, csat integer, "
        "topics varchar(50), city varchar(20), weight real, email varchar(20), state varchar(9))"
    ),
    *(
        "INSERT INTO visits VALUES "
        f"({number}, '2026-01-01', 1, 9, 4, '{topics}', 'Graz', 1.5, 'ann@example.com', 'ok')"
        for number, topics in enumerate(["price", "price", "price; staff", "staff"])
    ),
    "INSERT INTO visits VALUES (9, '2026-01-01', 1, 3, 4, 'staff', 'Wien', 1.5, 'bob', 'gone')",
)
TEXT = """\
# Who owns this: Ada.
surveys:
- id: v
  name: Visits
  table: visits
  recorded_at: {column: seen, zone: Europe/Vienna}
  questions:
  - {column: nps, text: Would you go, type: nps}
  - {column: csat, type: scale, choices: [{key: 1, label: Bad}, {key: 4, label: Good}]}
  fields: [{column: city}]

# The other one.
- id: old
  table: old_visits
  recorded_at: {column: at}   # local
"""
VISITS = "survey:v"


def sheet(
    database: SqlDatabase, text: str = TEXT, table: str = VISITS, **roles: str | tuple[str, str]
) -> ColumnSheet:
    """Return the sheet of a table after edits: a role, or a role with a label, by column."""
    edits = [
        ColumnEdit(column=f"column:{name}", role=role, label=label)
        for name, one in roles.items()
        for role, label in ([(one, "")] if isinstance(one, str) else [one])
    ]
    made = MappingSheet(text, database.tables(), TableSamples(database, a_deadline()))
    return made.sheet(table, edits)


def roles(found: ColumnSheet) -> dict[str, str]:
    """Return the roles of columns that have one."""
    return {one.name: one.role for one in found.columns if one.role != "ignored"}


def test_a_sheet_shows_roles_and_frequent_values() -> None:
    """No values of persons, identifiers and times, and none of fewer than three rows."""
    database = sqlite_with(*TABLE)
    found = sheet(database)

    assert [(one.id, one.label) for one in found.tables] == [
        (VISITS, "Visits: visits"),
        ("survey:old", "old_visits"),
    ]
    assert found.value == TEXT
    assert roles(found) == {
        "seen": "recorded_at",
        "nps": "nps",
        "csat": "scale",
        "city": "field",
    }
    values = {one.name: [(each.value, each.count) for each in one.values] for one in found.columns}
    assert values["nps"] == [("9", 4)]
    assert values["csat"] == [("4", 5)]
    assert values["city"] == [("Graz", 4)]
    assert values["topics"] == values["email"] == values["id"] == values["seen"] == []
    labels = {one.name: one.label for one in found.columns}
    assert (labels["nps"], labels["csat"]) == ("Would you go", "")
    assert any("are read as Europe/Vienna" in note for note in found.notes)
    database.close()


def test_the_same_roles_change_nothing() -> None:
    """Every column as it is shown: not even comments are lost."""
    database = sqlite_with(*TABLE)
    shown = sheet(database)
    edits = [ColumnEdit(column=one.id, role=one.role, label=one.label) for one in shown.columns]
    made = MappingSheet(TEXT, database.tables(), TableSamples(database, a_deadline()))

    assert made.sheet(VISITS, edits) == shown
    database.close()


def test_edits_change_one_survey_of_the_text() -> None:
    """What they do not name stays, also comments around the survey and choices in it."""
    database = sqlite_with(*TABLE)
    found = sheet(
        database,
        id="response",
        done="finished",
        nps=("nps", "Would you recommend us?"),
        csat=("choice", ""),
        topics=("multiple", "Topics"),
        city="ignored",
        weight="field",
    )
    survey, other = read_mapping(found.value).surveys

    assert found.value.startswith("# Who owns this: Ada.\nsurveys:\n- id: v\n")
    assert "\n\n# The other one.\n- id: old\n" in found.value
    assert "# local\n" in found.value
    assert other.id == "old"
    assert (survey.response, survey.recorded_at.zone) == ("id", "Europe/Vienna")
    assert survey.status is not None
    assert survey.status.exclude == {"0": "unfinished"}
    assert [(one.column, one.text, one.type, one.delimiter) for one in survey.questions] == [
        ("nps", "Would you recommend us?", "nps", ""),
        ("csat", "", "choice", ""),
        ("topics", "Topics", "multiple", ";"),
    ]
    assert [one.label for one in survey.questions[1].choices] == ["Bad", "Good"]
    assert [one.column for one in survey.fields] == ["weight"]
    assert roles(found)["topics"] == "multiple"
    database.close()


def test_the_last_column_with_a_role_that_one_can_have_replaces_the_other() -> None:
    """The select of the other still has its role; two new ones are refused."""
    database = sqlite_with(*TABLE, "ALTER TABLE visits ADD COLUMN left_at timestamp")
    found = sheet(database, seen="recorded_at", left_at="recorded_at")

    assert read_mapping(found.value).surveys[0].recorded_at.column == "left_at"
    assert "seen" not in roles(found)
    with pytest.raises(InputError, match=r"“done” and “csat” have a role that only one"):
        sheet(database, done="finished", csat="finished")
    database.close()


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"seen": "ignored"}, "No column of “visits” has the role “Date of the response”."),
        ({"gone": "nps"}, "The table “visits” no longer has the column “gone”."),
        ({"weight": "unheard-of"}, "“weight” cannot have this role."),
        ({"city": "multiple"}, "No delimiter of several answers was found in “city”."),
        ({"city": "number"}, "“city” cannot have this role."),
    ],
)
def test_impossible_edits_are_refused(edits: dict[str, str], message: str) -> None:
    """The error names the column or the table."""
    database = sqlite_with(*TABLE)
    with pytest.raises(InputError) as caught:
        sheet(database, **edits)

    assert message in caught.value.message
    assert caught.value.remedy
    database.close()


def test_a_survey_is_added_and_removed() -> None:
    """The first edit of a table adds it; one whose columns are all ignored is removed."""
    database = sqlite_with(*TABLE, "CREATE TABLE calls (at timestamp, csat integer)")
    added = sheet(database, table="table:calls", at="recorded_at", csat=("scale", "How?"))

    assert added.table == "survey:calls"
    assert added.value.startswith(TEXT)
    assert read_mapping(added.value).surveys[2].questions[0].text == "How?"
    removed = sheet(database, added.value, "survey:calls", at="ignored", csat=("ignored", "How?"))
    assert (removed.value, removed.table) == (TEXT, "table:calls")
    one = "surveys: [{id: calls, table: calls, recorded_at: {column: at}}]"
    with pytest.raises(InputError, match="at least one survey"):
        sheet(database, one, "survey:calls", at="ignored")
    database.close()


def test_an_empty_text_starts_with_the_proposal() -> None:
    """Otherwise, the surveys that are offered without a mapping would be gone after one edit."""
    database = sqlite_with(
        "CREATE TABLE a (recorded_at timestamp, nps integer)",
        "CREATE TABLE b (recorded_at timestamp, nps integer)",
        "CREATE TABLE c (price integer)",
    )
    found = sheet(database, "", "")

    assert [one.id for one in read_mapping(found.value).surveys] == ["a", "b"]
    assert found.notes[0].startswith("The mapping was empty, so it contains a proposal")
    assert [one.label for one in found.tables] == ["a", "b", "c (not a survey)"]
    database.close()
    empty = sqlite_with()
    assert sheet(empty, "", "").notes == (
        "No tables found. Grant SELECT on those of the responses.",
    )
    empty.close()


def test_questions_of_a_long_table_have_rows() -> None:
    """Those that are not mapped yet, too; a child table is a row that can be ignored."""
    text = (
        "surveys:\n- id: s\n  table: t\n  response: id\n  recorded_at: {column: seen}\n"
        "  answers: {table: a, response: rid, question: q, answer: v}\n"
        "  questions:\n  - {column: nps, type: nps}\n"
        "  - {id: topics, type: multiple, child: {table: c, response: rid, answer: v}}\n"
        "  fields: [{column: nps}]\n"
    )
    database = sqlite_with(
        "CREATE TABLE t (id integer, seen timestamp, nps integer)",
        "CREATE TABLE a (rid integer, q text, v text)",
        "INSERT INTO a VALUES (1, 'nps', '9'), (1, 'speed', '3'), (2, 'email', 'a@b')",
        "CREATE TABLE c (rid integer, v text)",
    )
    made = MappingSheet(text, database.tables(), TableSamples(database, a_deadline()))
    shown = made.sheet("", ())

    assert [(one.id, one.role) for one in shown.columns] == [
        ("column:id", "response"),
        ("column:seen", "recorded_at"),
        ("column:nps", "field"),
        ("child:topics", "multiple"),
        ("question:nps", "nps"),
        ("question:email", "ignored"),
        ("question:speed", "ignored"),
    ]
    edits = (
        ColumnEdit(column="question:nps", role="ignored"),
        ColumnEdit(column="question:speed", role="scale", label="Speed"),
        ColumnEdit(column="child:topics", role="ignored"),
    )
    survey = read_mapping(made.sheet("survey:s", edits).value).surveys[0]
    assert [(one.column, one.text) for one in survey.questions] == [("speed", "Speed")]
    assert [one.column for one in survey.fields] == ["nps"]
    database.close()


def test_columns_that_are_gone_can_be_removed() -> None:
    """Also those of a table that is gone."""
    database = sqlite_with("CREATE TABLE visits (seen timestamp, nps integer)")
    found = sheet(database)
    assert {one.name: one.type for one in found.columns}["csat"] == "does not exist"
    found = sheet(database, csat="ignored", city="ignored")
    survey = read_mapping(found.value).surveys[0]
    assert ([one.column for one in survey.questions], survey.fields) == (["nps"], ())

    gone = sheet(database, table="survey:old")
    assert gone.notes[0].startswith(
        "The table “old_visits” does not exist, or this user may not read"
    )
    with pytest.raises(InputError, match="no longer exists"):
        sheet(database, table="table:nowhere")
    database.close()


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        (TEXT, ""),
        (TEXT.replace("visits\n  rec", "visits  # of all shops\n  rec", 1), "this survey"),
        ("surveys: [{id: v, table: visits, recorded_at: {column: seen}}] # mine", "whole text"),
        ("surveys: [{id: v, table: visits, recorded_at: {column: seen}}]", ""),
        ("surveys:\n  -\n    id: v\n    table: visits\n    recorded_at: {column: seen}", ""),
        ("surveys: &all # mine\n- {id: v, table: visits, recorded_at: {column: seen}}", ""),
        ("surveys: &all\n- id: v # mine\n  table: visits\n  recorded_at: {column: seen}", "this s"),
        ("{surveys: [\n{id: v, table: visits, recorded_at: {column: seen}}]} # a", "whole text"),
        ("---\nsurveys:\r\n- table: visits\r\n  id: v\r\n  recorded_at: {column: seen}\r\n", ""),
    ],
)
def test_comments_that_would_be_lost_are_stated_before(text: str, lost: str) -> None:
    """Whatever the layout of the text, an edit changes only what it names."""
    database = sqlite_with(*TABLE)
    notes = " ".join(sheet(database, text).notes)
    found = sheet(database, text, weight="field")

    assert ("comments in" in notes) == bool(lost)
    assert lost in notes
    before, after = read_mapping(text).surveys, read_mapping(found.value).surveys
    assert after[0].fields[-1].column == "weight"
    assert after[0].model_copy(update={"fields": before[0].fields}) == before[0]
    assert after[1:] == before[1:]
    database.close()


def test_special_names_and_wide_tables() -> None:
    """Names with quotes, line breaks, reserved words and upper case; 5,000 columns."""
    names = ['a"b', "a\nb", "SELECT", "Select", "ünï", "x" * 400]
    quoted = ", ".join('"' + one.replace('"', '""') + '" text' for one in names if one != "Select")
    database = sqlite_with(f"CREATE TABLE visits (seen timestamp, {quoted})")
    found = sheet(database, **dict.fromkeys(names[:3], "field"))
    assert [one.column for one in read_mapping(found.value).surveys[0].fields][1:] == names[:3]
    assert "x" * 400 not in {one.name for one in found.columns}
    database.close()

    wide = ", ".join(f"c{number} integer" for number in range(1_500))
    database = sqlite_with(f"CREATE TABLE visits (seen timestamp, {wide}, nps integer)")
    found = sheet(database)
    assert len(found.columns) == MOST_COLUMNS
    assert [one.name for one in found.columns][:2] == ["seen", "nps"]
    assert any("Of 1,504 columns, 500 are listed" in note for note in found.notes)
    database.close()


@pytest.mark.deep(reason="starts a server of PostgreSQL")
@pytest.mark.xdist_group("sql_postgresql")
def test_the_sheet_of_a_server(reader_database: Callable[..., ReaderDatabase]) -> None:
    """Tables of two schemas with one name, arrays, times with a zone, upper case and quotes."""
    server = reader_database(
        'CREATE TABLE visits ("At" timestamptz, "NPS" integer, "a""b" text, tags text[], x jsonb)',
        "INSERT INTO visits SELECT now(), 9, 'often', ARRAY['a', 'b'], '{}' FROM "
        "generate_series(1, 5)",
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.visits (at timestamp, nps integer)",
        f"GRANT USAGE ON SCHEMA sales TO {READER}",
        f"GRANT SELECT ON sales.visits TO {READER}",
    )
    database = postgresql_at(server.port, server.name, READER, READER_PASSWORD)
    text = "surveys: [{id: v, table: visits, recorded_at: {column: At}}]"
    edits = {"NPS": "nps", 'a"b': "field", "tags": "multiple"}
    found = sheet(database, text, "", **edits)

    assert [one.label for one in found.tables] == ["visits", "sales.visits (not a survey)"]
    assert roles(found) == {"At": "recorded_at", **edits}
    assert {one.name: [each.value for each in one.values] for one in found.columns} == {
        "At": [], "NPS": ["9"], 'a"b': ["often"], "tags": ["a", "b"], "x": [],
    }  # fmt: skip
    other = sheet(database, found.value, "table:sales.visits", at="recorded_at", nps="nps")
    assert read_mapping(other.value).surveys[1].table == "sales.visits"
    assert any("“at” without a zone are read as UTC" in note for note in other.notes)
    database.close()


def test_samples_take_half_of_the_time() -> None:
    """The roles are shown although there was no time for values, such as those of a slow view."""
    database = sqlite_with(*TABLE)
    clock = ManualClock(NOW)
    samples = TableSamples(database, Deadline.after(60, clock))
    clock.forward(31)
    found = MappingSheet(TEXT, database.tables(), samples).sheet(VISITS, ())

    assert roles(found)["nps"] == "nps"
    assert not any(one.values for one in found.columns)
    database.close()
