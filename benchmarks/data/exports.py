"""The exports of the benchmark, which the sandbox creates as Qualtrics does."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks.data.survey import SURVEY, queries, write_survey
from benchmarks.pipelines.shared import Files
from smaply_metrics_qualtrics.api.exports import ExportRequest
from smaply_metrics_qualtrics.export_columns import METADATA
from smaply_metrics_qualtrics.responses.query_plan import plan_export, prepare
from smaply_metrics_qualtrics.survey.definition import read_definition
from smaply_metrics_qualtrics_sandbox import SandboxServer

if TYPE_CHECKING:
    from pathlib import Path

_TOKEN: Final = "benchmark-token-of-forty-characters-0001"  # noqa: S105  # The token of a local sandbox.
_TIMEOUT: Final = 1_800.0
_WAIT: Final = 0.2


def make_files(folder: Path, rows: int) -> Files:
    """Generate the responses, and export them twice with a sandbox."""
    write_survey(folder / "surveys" / "benchmark", rows)
    with (
        SandboxServer(folder / "surveys", token=_TOKEN) as sandbox,
        httpx.Client(
            base_url=f"http://{sandbox.host}/API/v3",
            headers={"X-API-TOKEN": _TOKEN},
            timeout=_TIMEOUT,
            trust_env=False,
        ) as client,
    ):
        definition = client.get(f"/survey-definitions/{SURVEY}").raise_for_status().json()
        survey = read_definition(definition["result"], SURVEY)
        needed = plan_export([prepare(query, survey) for query in queries()], survey)
        if needed.seen is None:
            raise ValueError("the metrics need no mark for seen and unanswered")
        whole = ExportRequest(questions=None, fields=None, metadata=tuple(METADATA))
        return Files(
            needed=_export(client, needed, folder / "needed.zip"),
            whole=_export(client, replace(whole, seen=needed.seen), folder / "whole.zip"),
            definition=definition["result"],
            seen=needed.seen,
        )


def _export(client: httpx.Client, request: ExportRequest, target: Path) -> Path:
    exports = f"/surveys/{SURVEY}/export-responses"
    started = client.post(exports, json=request.body()).raise_for_status().json()
    progress = f"{exports}/{started['result']['progressId']}"
    while True:
        state = client.get(progress).raise_for_status().json()["result"]
        if state["status"] == "complete":
            break
        time.sleep(_WAIT)
    with (
        client.stream("GET", f"{exports}/{state['fileId']}/file") as answer,
        target.open("wb") as out,
    ):
        answer.raise_for_status()
        for block in answer.iter_raw():
            out.write(block)
        os.fsync(out.fileno())
    return target
