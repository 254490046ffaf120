"""The tables of ``docs/same-numbers.md``, which ``make docs-generated`` writes.

The rows of the real studies need the recorded data next to the clone: without it, they stay.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smaply_metrics_core import MetricsError
from tests.one_study.comparison import TOOLS, Comparison, compare
from tests.one_study.databases import reader_server
from tests.one_study.origins import ORIGINS, Origin
from tests.postgresql_server import PrivatePostgres
from tests.shared_data import LIMESURVEY, RECORDED

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "same-numbers.md"
PART: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE: Final = "Visits to a shop (invented)"
"""The study whose numbers are shown: it is in every tool."""
SHOWN: Final[Mapping[str, str]] = {
    "responses": "Responses",
    "nps (nps)": "NPS",
    "average (csat)": "Average satisfaction",
    "csat (csat)": "CSAT",
    "average, weighted": "Average, weighted",
    "median of a number": "Median of a number",
    "answered, of a text": "Texts given",
}
"""The metrics whose numbers are shown."""
EQUAL: Final = "equal"
NONE: Final = "–"  # noqa: RUF001  # A dash in a table.


def is_available(origin: Origin) -> bool:
    """Whether the files of a study are there."""
    return not getattr(origin, "real", False) or (RECORDED.is_dir() and LIMESURVEY.is_dir())


def study_row(found: Comparison) -> str:
    """Return the row of a study: how much was compared, and the result for each tool."""
    first = TOOLS[0]
    differing = {tool: sum(one.tool == tool for one in found.differences) for tool in TOOLS}
    results = [
        f"{differing[tool]} differ" if differing[tool] else EQUAL if tool in found.numbers else NONE
        for tool in TOOLS
    ]
    cells = (
        found.study.title,
        f"{len(found.study.rows):,}",
        len(found.metrics),
        f"{found.numbers[first]:,}",
        *results,
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def number_rows(found: Comparison) -> str:
    """Return a row with the numbers of each tool for each metric that is shown."""
    rows = ""
    for name, title in SHOWN.items():
        cells = [_shown(found.found[tool][name]) for tool in TOOLS]
        rows += f"| {title} | {' | '.join(cells)} |\n"
    return rows


def _shown(answer: Mapping[tuple[str, ...], object] | MetricsError) -> str:
    if isinstance(answer, MetricsError):
        return NONE
    low, high = (answer.get(("current", "interval", end)) for end in ("low", "high"))
    value = f"{answer['current', 'value']:.10g}"
    return value if low is None else f"{value} ({low:.6g} to {high:.6g})"


def heading(*titles: str) -> str:
    """Return the heading of a table."""
    return f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}\n"


def compared(server: PrivatePostgres) -> dict[str, Comparison]:
    """Return the comparison of each study that is there, by its title."""
    found = {}
    for origin in filter(is_available, ORIGINS):
        with tempfile.TemporaryDirectory() as folder:
            found[origin.title] = compare(origin, Path(folder), server)
    return found


def filled(text: str, found: Mapping[str, Comparison]) -> str:
    """Return the page with its tables made again; rows of studies that are not there stay."""
    old = {line.split(" | ")[0]: f"{line}\n" for line in text.splitlines() if line.startswith("| ")}
    rows = [
        study_row(found[one.title]) if one.title in found else old[f"| {one.title}"]
        for one in ORIGINS
    ]
    titles = ("Study", "Responses", "Metrics", "Numbers", *TOOLS)
    tables = {
        "studies": heading(*titles) + "".join(rows),
        "numbers": heading("Metric", *TOOLS) + number_rows(found[EXAMPLE]),
    }
    return PART.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", text)


def main() -> None:
    """Compare every study with every tool, and write the tables."""
    with reader_server() as server:
        if server is None:
            raise SystemExit("The tables need PostgreSQL: `make postgresql` installs it.")
        text = filled(PAGE.read_text(encoding="utf-8"), compared(server))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
