"""The benchmark of counting: all pipelines calculate the same numbers."""

from __future__ import annotations

import json
import zipfile

import pytest

from benchmarks import aggregate
from benchmarks.data.exports import make_files
from benchmarks.data.survey import COLUMNS, METRICS, queries
from benchmarks.pipelines import connector, csv_loop, inflate, polars_by_hand
from benchmarks.pipelines.shared import Files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The exports of a small survey."""
    return make_files(tmp_path_factory.mktemp("benchmark"), 1_000)


def test_every_pipeline_calculates_the_same_numbers(files: Files) -> None:
    """The source and three hand-written pipelines calculate the same 20 metrics."""
    from benchmarks.pipelines import pandas_full  # Every worker would load pandas to collect it.

    expected = csv_loop.numbers(files)
    assert len(expected) == len(METRICS) == len(queries()) == 20
    assert all(expected.values())
    for contender in (connector, polars_by_hand, pandas_full):
        assert aggregate.equal(contender.numbers(files), expected), contender.__name__


def test_differences_are_detected(files: Files) -> None:
    """Another number, an additional group or a missing metric is a difference."""
    found = csv_loop.numbers(files)
    for changed in (
        {**found, "nps": {"": found["nps"][""] + 0.001}},
        {**found, "channels": {**found["channels"], "6": 1.0}},
        {name: numbers for name, numbers in found.items() if name != "spent"},
    ):
        assert not aggregate.equal(found, changed)


def test_the_metrics_require_18_of_60_columns(files: Files) -> None:
    """The source requests 18 of 60 columns for the metrics."""
    assert inflate.numbers(files) == {}
    for path, width in ((files.needed, 18), (files.whole, COLUMNS)):
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
            assert member.readline().count(b",") == width - 1


@pytest.mark.deep(reason="runs the benchmark")
def test_the_output_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output is one JSON object with the results of each pipeline."""
    monkeypatch.setattr(aggregate, "QUICK_ROWS", 500)
    assert aggregate.main(["--quick", "--json", "--runs", "1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["rows", "inflate_s", *aggregate.CONTENDERS, "equal"]
    assert (printed["rows"], printed["equal"]) == (500, True)
    for name in aggregate.CONTENDERS:
        assert printed[name].keys() == {"s", "peak_mb", "over_inflate"}
        assert printed[name]["peak_mb"] > 10
