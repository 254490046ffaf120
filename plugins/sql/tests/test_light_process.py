"""A process that only counts in a database loads no library for rows."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from plugins.sql.tests.databases import a_query, answer, sqlite_with, survey
from smaply_metrics_core import GroupBy, Weight

mapping = survey('''
surveys:
- id: s
  table: t
  recorded_at: {column: seen}
  questions: [{column: nps, type: nps}]
  fields: [{column: weight}]
''')
database = sqlite_with(
    "CREATE TABLE t (seen integer, nps integer, weight real)",
    "INSERT INTO t VALUES (1767323045, 9, 1.5), (1767323045, 3, 0.5)",
)
month, weight = GroupBy(kind="period", of="month"), Weight(kind="field", of="weight")
tally = answer(database, mapping, a_query("nps", "nps", month, weight=weight))
assert tally.windows[0].total.responses == 2
print("\\n".join(sys.modules))
"""


def test_counting_loads_neither_polars_nor_pandas() -> None:
    """Nor numpy: the code of Polars alone takes as much memory as counting in DuckDB."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = {name.partition(".")[0] for name in found.stdout.splitlines()}

    assert "smaply_metrics_sql" in loaded
    assert loaded.isdisjoint({"polars", "pandas", "numpy", "pyarrow"})
