"""Compares the numbers of all tools for one study."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from plugins.qualtrics.tests.connector.support import SURVEY
from plugins.qualtrics_sandbox.tests.studies import catalog
from smaply_metrics_core import MetricsError
from tests.one_study.databases import (
    in_duckdb,
    in_long_format,
    in_parquet,
    in_postgresql,
    in_sqlite,
)
from tests.one_study.metrics import StudyMetric, Values, metrics_of, results
from tests.one_study.origins import Origin, QualtricsOrigin
from tests.one_study.study import Study
from tests.one_study.tools import (
    LoadedStudy,
    in_csv,
    in_limesurvey,
    in_qualtrics,
    write_for_qualtrics,
)
from tests.postgresql_server import PrivatePostgres

TOLERANCE: Final = 1e-12
TOOLS: Final = (
    "Qualtrics",
    "CSV files",
    "LimeSurvey",
    "SQLite",
    "Long format",
    "PostgreSQL",
    "DuckDB",
    "Parquet",
)


class Difference(NamedTuple):
    """A number that two tools do not agree on."""

    tool: str
    metric: str
    place: tuple[str, ...]
    found: object
    expected: object


class Comparison(NamedTuple):
    """What was compared.

    Attributes:
        study: The study.
        metrics: The metrics.
        numbers: How many numbers each tool gave, by tool; all are compared with the first.
        differences: The numbers that differ.
        found: The numbers by tool and metric.
    """

    study: Study
    metrics: list[StudyMetric]
    numbers: dict[str, int]
    differences: list[Difference]
    found: dict[str, dict[str, Values | MetricsError]]


@contextmanager
def loaded_everywhere(
    origin: Origin, folder: Path, server: PrivatePostgres | None
) -> Iterator[tuple[Study, list[LoadedStudy]]]:
    """Yield a study and the tools that it is loaded into; PostgreSQL only with a server."""
    surveys = folder / "surveys"
    surveys.mkdir()
    if isinstance(origin, QualtricsOrigin):
        catalog.gather_studies(surveys)
        with in_qualtrics(surveys) as session:
            with session() as opened:
                named = {one.name: one.id for one in opened.surveys()}
                survey_id = _survey_id(surveys / origin.folder, named)
                study = origin.read(surveys, opened.questions(survey_id))
            first = LoadedStudy("Qualtrics", survey_id, session)
            yield study, [first, *_others(origin, study, folder, server)]
        return
    recorded = in_limesurvey(origin)
    with recorded.session() as opened:
        study = origin.read(opened.questions(origin.survey_id))
    names, keys = write_for_qualtrics(study, surveys)
    with in_qualtrics(surveys) as session:
        first = LoadedStudy("Qualtrics", SURVEY, session, names, keys)
        yield study, [first, *_others(origin, study, folder, server)]


def _survey_id(folder: Path, named: dict[str, str]) -> str:
    """Return the id of the survey in a folder."""
    text = (folder / "survey.qsf").read_text(encoding="utf-8")
    return next(one for one in named.values() if one in text)


def _others(
    origin: Origin, study: Study, folder: Path, server: PrivatePostgres | None
) -> Iterator[LoadedStudy]:
    yield in_csv(study, folder)
    if origin.recorded_as:
        yield in_limesurvey(origin)
    yield in_sqlite(study, folder)
    yield in_long_format(study, folder)
    if server is not None:
        yield in_postgresql(study, server)
    yield in_duckdb(study, folder)
    yield in_parquet(study, folder)


def sample_of(metrics: list[StudyMetric]) -> list[StudyMetric]:
    """Return one metric for each calculation, and some with a group-by, a filter or a weight."""
    first = {one.parts["calculation"]: one for one in reversed(metrics)}
    more = ("average, weighted", "average by month", "average by question")
    return [
        one
        for one in metrics
        if one is first[one.parts["calculation"]]
        or one.name in {*more, "average, only some answers"}
    ]


def compare(
    origin: Origin, folder: Path, server: PrivatePostgres | None = None, *, sample: bool = False
) -> Comparison:
    """Measure a study with each tool, and compare all with the first.

    Args:
        origin: The study.
        folder: An empty folder for the files of the tools.
        server: A PostgreSQL server; ``None`` leaves it out.
        sample: Whether to measure fewer metrics.
    """
    with loaded_everywhere(origin, folder, server) as (study, tools):
        metrics = sample_of(metrics_of(study)) if sample else metrics_of(study)
        found = {one.tool: results(one, metrics) for one in tools}
    (first, expected), *others = found.items()
    found_differences = [
        Difference(first, name, (), str(answer), "a result")
        for name, answer in expected.items()
        if isinstance(answer, MetricsError)
    ]
    numbers = {first: sum(map(_count, expected.values()))}
    for tool, answers in others:
        numbers[tool] = sum(map(_count, answers.values()))
        for name, answer in answers.items():
            found_differences += differences(tool, name, answer, expected[name])
    return Comparison(study, metrics, numbers, found_differences, found)


def _count(answer: Values | MetricsError) -> int:
    return 0 if isinstance(answer, MetricsError) else len(answer)


def differences(
    tool: str, metric: str, found: Values | MetricsError, expected: Values | MetricsError
) -> Iterator[Difference]:
    """Yield the numbers of a metric that differ from those expected."""
    if isinstance(found, MetricsError) or isinstance(expected, MetricsError):
        yield Difference(tool, metric, (), str(found), str(expected)[:200])
        return
    for place in {**expected, **found}:
        one, other = found.get(place), expected.get(place)
        if not same(one, other):
            yield Difference(tool, metric, place, one, other)


def same(one: object, other: object) -> bool:
    """Whether two numbers are equal: counts exactly, decimals to 1e-12."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(one) is type(other) and one == other
