"""One study has the same numbers in every tool: counts exactly, the rest to 1e-12.

The studies are the project's own and, if they are next to the clone, real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from smaply_metrics_core.calculations import CALCULATIONS
from smaply_metrics_core.models.query import ENTERED
from tests.one_study import databases, table
from tests.one_study.comparison import TOOLS, Comparison, compare, differences
from tests.one_study.databases import reader_server
from tests.one_study.origins import ORIGINS, Origin
from tests.one_study.study import Study
from tests.postgresql_server import WHY_NOT, PrivatePostgres
from tests.required_programs import skip_or_fail
from tests.shared_data import needs_limesurvey_studies, needs_recorded_data

DEEP = "all tools, with a PostgreSQL server: about two seconds for each study"
FEWEST_METRICS = 20
EVERYWHERE = next(one for one in ORIGINS if one.title == table.EXAMPLE)


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    """A PostgreSQL server with a user that only reads."""
    with reader_server() as running:
        if running is None:
            skip_or_fail(WHY_NOT)
        yield running


def study(origin: Origin) -> object:
    """Return a test parameter for a study; real studies may be absent."""
    real = getattr(origin, "real", False)
    marks = [needs_recorded_data, needs_limesurvey_studies] if real else []
    return pytest.param(origin, id=origin.title.split(" (")[0].replace(" ", "_"), marks=marks)


def check(found: Comparison, tools: set[str]) -> None:
    """Require that all tools were compared, and that nothing differs."""
    assert set(found.numbers) == tools
    assert len(found.metrics) >= FEWEST_METRICS
    assert not found.differences, found.differences[:10]
    assert len(set(found.numbers.values())) == 1, found.numbers


def test_one_study_in_tools_without_a_server(tmp_path: Path) -> None:
    """The invented study of the shop has equal numbers in all tools but PostgreSQL."""
    found = compare(EVERYWHERE, tmp_path, sample=True)
    check(found, {*TOOLS} - {"PostgreSQL"})
    names = {str(one.parts["calculation"]) for one in found.metrics}
    assert names == {*map(str, CALCULATIONS)} - {*map(str, ENTERED)}


@pytest.mark.deep(reason=DEEP)
@pytest.mark.xdist_group("one_study")
@pytest.mark.parametrize("origin", [study(one) for one in ORIGINS])
def test_every_study_in_every_tool(origin: Origin, server: PrivatePostgres, tmp_path: Path) -> None:
    """Each study has equal numbers in every tool, and its row is on the page."""
    found = compare(origin, tmp_path, server)
    check(found, {one for one in TOOLS if one != "LimeSurvey" or origin.recorded_as})
    page = table.PAGE.read_text(encoding="utf-8")
    assert table.study_row(found) in page
    if origin is EVERYWHERE:
        assert table.filled(page, {table.EXAMPLE: found}) == page, (
            "rows that are not made again stay"
        )


def not_applicable_counts(survey: dict[str, Any]) -> None:
    """Map each choice such as “Not applicable” as an answer, of a scale with the value 9."""
    for question in survey["questions"]:
        for choice in question.get("choices", ()):
            if not choice["counts"]:
                choice |= {"counts": True, **({"value": 9} if question["type"] == "scale" else {})}


def wrong_reason(survey: dict[str, Any]) -> None:
    """Map unfinished responses as previews."""
    survey["status"]["exclude"]["unfinished"] = "preview"


def wrong_zone(survey: dict[str, Any]) -> None:
    """Map times of a local clock to another zone."""
    survey["recorded_at"] = {**survey["recorded_at"], "zone": "Pacific/Auckland"}


MAPPING_ERRORS: Final = {
    not_applicable_counts: {"SQLite", "Long format", "DuckDB", "Parquet"},
    wrong_reason: {"SQLite", "Long format", "DuckDB", "Parquet"},
    wrong_zone: {"DuckDB", "Parquet"},  # The times in SQLite have a zone of their own.
}
"""Errors in the mapping of the databases, with the tools whose numbers they change."""


@pytest.mark.deep(reason="each mapping error measures a study in all tools: about two seconds")
@pytest.mark.parametrize(
    ("inject", "tools"), MAPPING_ERRORS.items(), ids=[one.__name__ for one in MAPPING_ERRORS]
)
def test_a_mapping_error_is_found(
    inject: Callable[[dict[str, Any]], None],
    tools: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The comparison finds it, in the tools that have it and no other."""
    correct = databases.mapping_text

    def mistaken(
        study: Study, recorded_at: Mapping[str, str], several: Mapping[str, object], **more: object
    ) -> str:
        mapping = yaml.safe_load(correct(study, recorded_at, several, **more))
        inject(mapping["surveys"][0])
        return yaml.safe_dump(mapping)

    monkeypatch.setattr(databases, "mapping_text", mistaken)
    found = compare(EVERYWHERE, tmp_path, sample=True)
    assert {one.tool for one in found.differences} == tools


def test_a_different_number_is_found() -> None:
    """Counts are compared exactly, decimals to 1e-12; a missing number is a difference."""
    expected: dict[tuple[str, ...], object] = {
        ("value",): 1 / 3,
        ("answered",): 3,
        ("group", "a", "answered"): 3,
    }
    close = {**expected, ("value",): 1 / 3 + 1e-13}
    assert not [*differences("SQLite", "average", close, expected)]
    for name, wrong in (("value", 1 / 3 + 1e-11), ("answered", 4), ("answered", 3.0)):
        assert len([*differences("SQLite", "average", {**expected, (name,): wrong}, expected)]) == 1
    for place in expected:
        fewer = {one: number for one, number in expected.items() if one != place}
        assert len([*differences("SQLite", "average", fewer, expected)]) == 1
        assert len([*differences("SQLite", "average", expected, fewer)]) == 1
