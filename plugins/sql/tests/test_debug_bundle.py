"""A debug bundle has what was counted, and gives the same tallies."""

from __future__ import annotations

import random
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.sql.tests.databases import NOW, a_context, a_query, answers, survey
from plugins.sql.tests.random_survey import MAPPING, fill_sqlite, random_query, random_rows
from smaply_metrics_core import BundleWriter, Destination, MetricQuery, MetricsError, Tally
from smaply_metrics_core.bundle.contents import MANIFEST, Manifest
from smaply_metrics_core.testing import open_bundle, write_bundle
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from smaply_metrics_sql.debug_bundle import export, recompute
from smaply_metrics_sql.mapping.model import DatabaseMapping, SurveyMapping
from smaply_metrics_sql.mapping.yaml_text import write_mapping


def exported(file: Path, mapping: SurveyMapping, *, personal: bool = False) -> Path:
    """Write a bundle, and return its path."""
    folder = file.parent / "temporary"
    folder.mkdir(exist_ok=True)
    context = replace(
        a_context(folder), destinations=(Destination(kind="folder", folder=file.parent),)
    )
    credentials = SqlCredentials(
        database=f"sqlite:{file.name}",
        mapping=write_mapping(DatabaseMapping(surveys=(mapping,))),
    )
    manifest = Manifest(
        source="sql",
        survey_id=mapping.id,
        zone="UTC",
        week_start=1,
        include_personal=personal,
        made_at=NOW,
    )

    def fill(writer: BundleWriter) -> None:
        export(credentials, context, mapping.id, writer)
        writer.add_json(MANIFEST, manifest)

    return write_bundle(file.parent / f"bundle-{personal}.zip", [], personal, fill)


def recomputed(path: Path, queries: list[MetricQuery]) -> dict[str, Tally | MetricsError]:
    """Return the answers from a bundle."""
    with open_bundle(path, path.parent / "temporary") as reader:
        return dict(recompute(a_context(), queries, reader))


@pytest.mark.parametrize("seed", [3, 4])
def test_a_bundle_gives_the_same_tallies(seed: int, tmp_path: Path) -> None:
    """For random queries, with the clocks of several zones, weights and filters."""
    chance = random.Random(seed)  # noqa: S311  # Repeatable.
    file = tmp_path / "visits.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        fill_sqlite(connection, random_rows(chance, 200))
    queries = [random_query(chance, number) for number in range(20)]
    context = a_context()
    live = answers(SqliteDatabase(file, context.deadline), MAPPING, queries)
    again = recomputed(exported(file, MAPPING), queries)

    for query in queries:
        assert again[query.id] == live[query.id], query


def test_free_text_and_unmapped_columns_are_left_out(tmp_path: Path) -> None:
    """Free text is written only on request; columns that are not mapped never are."""
    mapping = survey(
        "surveys:\n- id: s\n  table: t\n  recorded_at: {column: seen}\n"
        "  questions: [{column: remark, type: text}, {column: m, type: multiple, delimiter: ';'}]\n"
    )
    file = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (seen text, remark text, m text, email text)")
        row = ("2026-01-01", "My own words", "a; b", "vera@shop.example")
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?)", row)
    texts = {}
    for personal in (False, True):
        with zipfile.ZipFile(path := exported(file, mapping, personal=personal)) as archive:
            texts[personal] = "".join(archive.read(name).decode() for name in archive.namelist())
        (tally,) = recomputed(path, [a_query("remark", "answered")]).values()
        assert isinstance(tally, Tally)
        assert tally.windows[0].total.answered == 1

    assert "My own words" not in texts[False]
    assert "My own words" in texts[True]
    assert "vera" not in texts[False] + texts[True]
