"""The statements for DuckDB are valid in the dialects of warehouses that no test can run.

sqlglot translates each into a dialect and parses the result. A module for the warehouse has to
check the functions that sqlglot does not know in its dialect.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import pytest
from sqlglot import ErrorLevel, exp, parse_one
from sqlglot.dialects import BigQuery, Redshift, Trino

from plugins.sql.tests.databases import a_deadline, a_query, answers, duckdb_file
from plugins.sql.tests.random_survey import MAPPING
from plugins.sql.tests.test_safety import EVERYTHING, TABLE, RecordedStatements
from smaply_metrics_core import Filter, GroupBy, MetricsError, Weight
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase

PAGE: Final = Path(__file__).parents[3] / "docs" / "sql.md"
WAREHOUSES: Final = {
    "bigquery": ("BigQuery", {"isfinite"}),
    "databricks": ("Databricks", {"isfinite"}),
    "redshift": ("Redshift", {"isfinite"}),
    "snowflake": ("Snowflake", {"isfinite"}),
    "trino": ("Trino", {"isfinite"}),
}
"""The name of each warehouse, and the functions that sqlglot does not know in its dialect."""

pytestmark = pytest.mark.deep(reason="translates long statements into five dialects")


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The statements of queries with all kinds of questions, groups, filters and weights."""
    folder = tmp_path_factory.mktemp("warehouse")
    database = DuckdbDatabase(duckdb_file(folder, *TABLE), folder, a_deadline())
    database.unchanging = False  # As a warehouse, unlike a file.
    # Without a calendar, which is in the memory of DuckDB.
    database.piece = partial(SqlDatabase.piece, database)  # type: ignore[method-assign]
    recorded = RecordedStatements(database)
    web = Filter(kind="question", of="channel", values=("web",))
    queries = [
        *(a_query(*each) for each in EVERYTHING),
        a_query("nps", "nps", None, weight=Weight(kind="field", of="weight")),
        a_query("nps", "nps", GroupBy(kind="period", of="month"), filters=(web,)),
        a_query("nps", "nps", GroupBy(kind="period", of="week")),
    ]
    found = answers(
        database,
        MAPPING,
        [one.model_copy(update={"id": f"q{place}"}) for place, one in enumerate(queries)],
    )
    database.close()
    assert not [one for one in found.values() if isinstance(one, MetricsError)]
    return [one for one in recorded.statements if "information_schema" not in one]


RESERVED: Final = {
    name.lower()
    for dialect in (BigQuery, Redshift, Trino)
    for name in dialect.Generator.RESERVED_KEYWORDS
} | {"increment", "qualify", "row", "rows", "sample", "start"}
"""The words that dialects reserve; those of Snowflake, which sqlglot does not know, are added."""


def test_names_are_portable(statements: list[str]) -> None:
    """No alias is a reserved word."""
    trees = [parse_one(one, read="duckdb") for one in statements]
    aliases = {
        found.alias.lower()
        for tree in trees
        for found in tree.find_all(exp.TableAlias, exp.Alias, exp.Subquery)
    }
    assert "keyed" in aliases
    assert not aliases & RESERVED


def without_values(node: exp.Expression) -> exp.Expression:
    """Return a parameter as a question mark, which all dialects have."""
    return exp.Placeholder() if isinstance(node, (exp.Parameter, exp.Placeholder)) else node


@pytest.mark.parametrize("dialect", WAREHOUSES)
def test_a_warehouse_parses_the_statements(dialect: str, statements: list[str]) -> None:
    """The page names the functions that are left."""
    assert any("GROUP BY" in one for one in statements)
    unknown = set()
    for one in statements:
        tree = parse_one(one, read="duckdb").transform(without_values)
        translated = tree.sql(dialect=dialect, unsupported_level=ErrorLevel.RAISE)
        parsed = parse_one(translated, read=dialect, error_level=ErrorLevel.RAISE)
        assert parsed.find(exp.Select) is not None
        unknown |= {found.name.lower() for found in parsed.find_all(exp.Anonymous)}

    title, expected = WAREHOUSES[dialect]
    assert unknown == expected
    functions = ", ".join(f"`{name}`" for name in sorted(expected))
    assert f"| {title} | all parsed | {functions} |" in PAGE.read_text(encoding="utf-8")
