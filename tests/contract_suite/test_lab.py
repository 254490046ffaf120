"""What a run of a scenario leaves behind and records."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from smaply_metrics_core import ResultsUnavailable
from smaply_metrics_core.testing.leak_detection.output_capture import OutputCapture
from smaply_metrics_core.testing.suite.lab import Lab
from tests.contract_suite.mutants.contracts import InMemoryContract


def test_a_run_removes_its_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later runs would try to clean up the folders of all earlier ones."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"smaply-metrics-{os.getuid()}"
    during: list[int] = []

    Lab(InMemoryContract()).replay(lambda _: during.append(len(list(folder.iterdir()))), None)

    assert during == [2]  # The folder of the process and its lock.
    assert list(folder.iterdir()) == []


def test_an_error_that_answers_several_queries_is_recorded_once() -> None:
    """Different errors are each recorded."""
    error, other = ResultsUnavailable("No results."), ResultsUnavailable("No results.")
    once, all_of_two = OutputCapture(), OutputCapture()

    once.add_error(error)
    all_of_two.add_value({"a": error, "b": other, "c": error})

    assert len(vars(all_of_two)["_outputs"]) == 2 * len(vars(once)["_outputs"])
