"""Mappings: what is read, refused with its place, and proposed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from plugins.sql.tests.databases import NOW, sqlite_with
from smaply_metrics_core import Deadline, ExclusionReason, SurveyUnavailable
from smaply_metrics_core.testing import ManualClock
from smaply_metrics_sql.databases.database import CatalogColumn, CatalogTable, ColumnType
from smaply_metrics_sql.mapping import proposed_text, yaml_text
from smaply_metrics_sql.mapping.catalog_faults import require_catalog
from smaply_metrics_sql.mapping.model import MOST_SURVEYS, AnswerType
from smaply_metrics_sql.mapping.proposal import propose
from smaply_metrics_sql.mapping.proposed_text import propose_text
from smaply_metrics_sql.mapping.samples import TableSamples
from smaply_metrics_sql.mapping.yaml_text import (
    MOST_CHARACTERS,
    MappingInvalid,
    read_mapping,
    write_mapping,
)

SMALL = (
    "surveys: [{id: s, table: t, recorded_at: {column: at}, questions: [{column: q, type: nps}]}]"
)


def question(text: str) -> str:
    """Return a mapping with one question."""
    return (
        "surveys:\n- id: s\n  table: t\n  recorded_at: {column: at}\n"
        f"  questions:\n  - {{{text}}}\n"
    )


def test_values_are_texts() -> None:
    """YAML reads 5 as a number and yes as a Boolean; both are keys."""
    mapping = read_mapping(
        question("column: q, type: choice, choices: [{key: 5}, {key: yes}, {key: 1.5}, {key: a}]")
    )

    keys = [one.key for one in mapping.surveys[0].questions[0].choices]
    assert keys == ["5", "true", "1.5", "a"]


def test_what_is_written_is_read_again() -> None:
    """Without the defaults, and with letters of all scripts."""
    mapping = read_mapping(question('column: "weiß: ja", type: multiple, delimiter: "; "'))
    text = write_mapping(mapping)

    assert read_mapping(text) == mapping
    assert "weiß" in text
    assert "choices" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The mapping: it has to have keys and values"),
        ("[1, 2]", "The mapping: it has to have keys and values"),
        ("surveys: []", "Line 1, “surveys”: "),
        ("surveys: 1", "Line 1, “surveys”: it has to be a list. Begin each item with a dash."),
        ("surveys:\n- id: s\n- 5", "Line 2, “table”: it is missing. Add it."),
        ("surveys:\n- 5", "Line 2, “surveys”: it has to have keys and values"),
        ("a: &x 1\nb: *x", "alias"),
        ("a: &x [*x]", "alias"),
        ("surveys: [", "Line 1"),
        ("surveys:\n- id: a\n\tb: c", "Line 3"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("a: 2026-99-99", "not valid YAML"),
        ("[" * 200_000, "more than 50 levels"),
        ("- " * 1_000, "more than 50 levels"),
        ("surveys: " + "{a: " * 1_000, "more than 50 levels"),
        ("a" * 200_001, "more than 200,000 characters"),
        ("\x00", "not valid YAML"),
        (
            question("\n    column: q,\n    type: stars"),
            "Line 8, “type”: use nps, scale, choice, multiple, number or text.",
        ),
        (SMALL.replace(", type: nps", ""), "Line 1, “type”: it is missing. Add it."),
        (
            question("column: q, type: nps, delimiters: x"),
            "Line 6, “delimiters”: there is no such key. Write “delimiter”.",
        ),
        (
            question("column: q, type: nps, colour: x"),
            "Line 6, “colour”: there is no such key. Remove it.",
        ),
        (question("column: q, type: nps, 17: x"), "each key has to be a text"),
        (SMALL.replace("table: t", "table: []"), "Line 1, “table”: "),
        (SMALL.replace("column: at", "column: at, zone: Mars/Base"), "time zone is not known"),
        (SMALL.replace("column: at", "column: at, zone: ../../etc/passwd"), "time zone"),
        (question("type: nps"), "a question requires a column"),
        (question('column: q, type: nps, delimiter: ";"'), "only a multiple question"),
        (question("column: q, type: scale, choices: [{key: bad}]"), "requires a number"),
        (question("column: q, type: choice, choices: [{key: 1}, {key: 1}]"), "same key"),
        (
            question("id: q, type: multiple, child: {table: c, response: r, answer: a}"),
            "require `response`",
        ),
        (
            "surveys:\n" + "- {id: s, table: t, recorded_at: {column: a}}\n" * 2,
            "two surveys have the same id",
        ),
        (SMALL.replace("]}]", ", {column: q, type: text}]}]"), "two questions have the same id"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_place(text: str, message: str) -> None:
    """Hostile texts end in a sentence, not in an exception of the parser."""
    with pytest.raises(MappingInvalid) as caught:
        read_mapping(text)

    assert message in str(caught.value)


def test_a_table_with_a_time_and_a_rating_is_proposed() -> None:
    """Numbers with the name of a rating are questions; nothing about a person is mapped."""
    table = CatalogTable(
        "sales",
        "feedback",
        (
            CatalogColumn("response_id", ColumnType.TEXT),
            CatalogColumn("submitted_at", ColumnType.INSTANT),
            CatalogColumn("finished", ColumnType.BOOLEAN),
            CatalogColumn("nps_score", ColumnType.INTEGER, "Would you recommend us?"),
            CatalogColumn("csat", ColumnType.INTEGER),
            CatalogColumn("reasons", ColumnType.ARRAY),
            CatalogColumn("design_weight", ColumnType.FLOAT),
            CatalogColumn("country", ColumnType.TEXT),
            CatalogColumn("customer_id", ColumnType.TEXT),
            CatalogColumn("email", ColumnType.TEXT),
            CatalogColumn("last_name", ColumnType.TEXT),
        ),
        "Feedback after a visit",
    )
    mapping = propose([table, CatalogTable("", "prices", (CatalogColumn("p", ColumnType.FLOAT),))])

    assert mapping is not None
    (survey,) = mapping.surveys
    assert (survey.id, survey.name) == ("sales.feedback", "Feedback after a visit")
    assert survey.recorded_at.column == "submitted_at"
    assert survey.status is not None
    assert survey.status.exclude == {"false": ExclusionReason.UNFINISHED}
    assert [(one.column, one.type) for one in survey.questions] == [
        ("nps_score", AnswerType.NPS),
        ("csat", AnswerType.SCALE),
        ("reasons", AnswerType.MULTIPLE),
    ]
    assert survey.questions[0].text == "Would you recommend us?"
    assert [one.column for one in survey.fields] == ["design_weight", "country"]
    assert read_mapping(write_mapping(mapping)) == mapping


def responses(name: str, schema: str = "", rating: str = "nps") -> CatalogTable:
    """Return a table that looks like responses."""
    columns = (
        CatalogColumn("created_at", ColumnType.INSTANT),
        CatalogColumn(rating, ColumnType.INTEGER),
    )
    return CatalogTable(schema, name, columns)


def text_by_names(tables: Sequence[CatalogTable]) -> str:
    """Return the proposal without time to read samples: by names and types only."""
    database = sqlite_with()
    samples = TableSamples(database, Deadline.after(0, ManualClock(NOW)))
    database.close()
    return propose_text(tables, samples)


def test_a_proposal_has_no_more_than_a_mapping_may_have() -> None:
    """Tables beyond the limit, and those that no mapping can describe, are left out."""
    tables = [
        responses("b", "a"),
        responses("a.b"),  # The same name when it is written with its schema.
        responses("long", rating=f"nps_{'x' * 300}"),
        *(responses(f"t{number}") for number in range(MOST_SURVEYS)),
    ]
    mapping = propose(tables)

    assert mapping is not None
    assert [one.id for one in mapping.surveys[:2]] == ["a.b", "t0"]
    assert len(mapping.surveys) == MOST_SURVEYS
    assert read_mapping(text_by_names(tables)) == mapping
    assert text_by_names([]) == ""


@pytest.fixture
def short_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mappings with fewer characters: writing and reading long ones takes a second."""
    for module in (proposed_text, yaml_text):
        monkeypatch.setattr(module, "MOST_CHARACTERS", MOST_CHARACTERS // 10)


@pytest.mark.usefixtures("short_mappings")
def test_a_proposal_that_is_too_long_is_shortened() -> None:
    """The form accepts it, and a comment counts the tables that did not fit."""
    wide = tuple(
        CatalogTable(
            "",
            f"t{number}",
            (
                CatalogColumn("created_at", ColumnType.INSTANT),
                *(CatalogColumn(f"q{each}", ColumnType.INTEGER, "?" * 200) for each in range(24)),
            ),
        )
        for number in range(9)
    )
    text = text_by_names(wide)
    fitting = read_mapping(text).surveys

    assert 1 < len(fitting) < len(wide)
    assert text.startswith(
        f"# Tables that look like responses, but did not fit: {len(wide) - len(fitting)}. Map them "
        "in another connection.\n"
    )
    assert len(text) <= MOST_CHARACTERS // 10 < len(text) * 2


@pytest.mark.usefixtures("short_mappings")
def test_one_table_that_is_too_long_is_not_proposed() -> None:
    """Its mapping has to be written by hand, or it needs a view."""
    columns = (CatalogColumn(f"q{each}", ColumnType.INTEGER, "?" * 200) for each in range(90))
    at = CatalogColumn("created_at", ColumnType.INSTANT)
    assert text_by_names([CatalogTable("", "t", (at, *columns))]) == ""


@pytest.mark.parametrize(
    "columns",
    [
        (CatalogColumn("nps", ColumnType.INTEGER),),
        (CatalogColumn("created_at", ColumnType.INSTANT), CatalogColumn("price", ColumnType.FLOAT)),
        (CatalogColumn("created_at", ColumnType.BOOLEAN), CatalogColumn("nps", ColumnType.INTEGER)),
    ],
)
def test_other_tables_are_not_proposed(columns: tuple[CatalogColumn, ...]) -> None:
    """A survey needs a time and a question."""
    assert propose([CatalogTable("", "t", columns)]) is None


def column(name: str, kind: ColumnType = ColumnType.INTEGER) -> CatalogColumn:
    """Return a column."""
    return CatalogColumn(name, kind)


CATALOG = (
    CatalogTable(
        "",
        "Visits",
        (
            column("id"),
            column("seen", ColumnType.TIMESTAMP),
            column("NPS"),
            column("topics", ColumnType.TEXT),
            column("tags", ColumnType.ARRAY),
            column("order", ColumnType.TEXT),
            column('we"ird', ColumnType.BOOLEAN),
        ),
    ),
    CatalogTable("sales", "visits", (column("id"), column("at", ColumnType.INSTANT))),
    CatalogTable("b2b", "visits", (column("id"), column("at", ColumnType.INSTANT))),
    CatalogTable("", "labels", (column("key"), column("name", ColumnType.TEXT))),
    CatalogTable("a", "b.c", (column("at", ColumnType.INSTANT),)),
    CatalogTable("a.b", "c", (column("at", ColumnType.INSTANT),)),
)


@pytest.mark.parametrize(
    ("replaced", "by", "message"),
    [
        (
            "table: Visits",
            "table: visits",
            "Line 3, “table”: the table “visits” does not exist, or this user may not",
        ),
        ("table: Visits", "table: Visits2", "Line 3, “table”: the table “Visits2”"),
        ("table: Visits", "table: public.Visits", "Write “Visits”."),
        (
            "table: Visits",
            "table: a.b.c",
            "“a.b.c” is the name of two tables, one of which has a dot in its name. Make a view",
        ),
        (
            "column: seen",
            "column: at",
            "Line 4, “column”: the table “Visits” has no column “at”.",
        ),
        (
            "column: seen",
            "column: topics",
            "Line 4, “column”: “topics” has the type text, which holds no times. Write “seen”.",
        ),
        ("column: NPS", "column: nps", "Line 6, “column”: the table “Visits” has no column “nps”."),
        ("column: NPS", "column: nps", "Write “NPS”."),
        (
            "type: nps",
            "type: multiple",
            "Line 6, “type”: “NPS” has the type integer, and is not an array. Add what separates",
        ),
        ("topics, type: text", "topics, type: number", "Line 7, “type”: “topics” has the type"),
        ("tags, type: multiple", 'tags, type: multiple, delimiter: ";"', "Remove `delimiter`"),
        ("key: key", "key: kee", "Line 9, “key”: the table “labels” has no column “kee”."),
        ("table: labels", "table: label", "Line 9, “table”: the table “label” does not exist"),
        ("response: id", "response: identity", "has no column “identity”"),
        ("column: order", "column: ORDER", "has no column “ORDER”. Write “order”."),
        ("column: 'we\"ird'", "column: weird", 'Write “we"ird”.'),
    ],
)
def test_a_mapping_that_does_not_fit_the_database(replaced: str, by: str, message: str) -> None:
    """The error has the line, the name, and what to write; names are told apart by their case."""
    text = (
        "surveys:\n- id: s\n  table: Visits\n  recorded_at: {column: seen}\n"
        "  questions:\n  - {column: NPS, type: nps}\n  - {column: topics, type: text}\n"
        "  - {column: tags, type: multiple}\n"
        "  - {id: l, column: NPS, type: scale, labels: {table: labels, key: key, label: name}}\n"
        "  fields: [{column: order}]\n"
        "  status: {column: 'we\"ird', exclude: {true: test}}\n  response: id\n"
    )

    def check(mapping: str) -> None:
        is_time = {ColumnType.TIMESTAMP, ColumnType.INSTANT}.__contains__
        require_catalog(mapping, read_mapping(mapping), CATALOG, is_time)

    check(text)
    assert replaced in text
    with pytest.raises(SurveyUnavailable) as caught:
        check(text.replace(replaced, by, 1))
    assert message in caught.value.message


def test_tables_of_other_schemas_are_offered() -> None:
    """A name without a schema that two schemas have; of many faults, five are stated."""
    surveys = "".join(
        f"- {{id: s{number}, table: visits, recorded_at: {{column: at}}}}\n" for number in range(7)
    )
    with pytest.raises(SurveyUnavailable) as caught:
        require_catalog(
            f"surveys:\n{surveys}",
            read_mapping(f"surveys:\n{surveys}"),
            CATALOG[1:],
            lambda _kind: True,
        )

    assert "Line 2, “table”: the table “visits” does not exist" in caught.value.message
    assert "Write “sales.visits” or “b2b.visits”." in caught.value.message
    assert caught.value.message.count("Line ") == 5
    assert caught.value.message.endswith("And 2 more.")
