"""The lower bound: inflate the file as the connector does, and nothing else."""

from __future__ import annotations

from benchmarks.pipelines.shared import Files, PipelineResult
from smaply_metrics_qualtrics.responses.csv_reader import BLOCK
from smaply_metrics_qualtrics.responses.zip_reader import members


def numbers(files: Files) -> PipelineResult:
    """Inflate the file; return no numbers."""
    with members(files.needed) as found:
        for member in found:
            while member.read(BLOCK):
                pass
    return {}
