"""A survey's raw data for the debug bundle: the definition, and the export as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smaply_metrics_core.errors import DeadlineExceeded, ExportFailed, MetricsError, RemoteError
from smaply_metrics_qualtrics.archive import Allowance, copy, members
from smaply_metrics_qualtrics.columns import METADATA, PERSONAL_METADATA, Header
from smaply_metrics_qualtrics.export import ExportRequest, fetch_export
from smaply_metrics_qualtrics.reading import read_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smaply_metrics_core.bundle import BundleWriter
    from smaply_metrics_core.context import SourceContext
    from smaply_metrics_qualtrics.api import Api


def debug_export(api: Api, context: SourceContext, survey_id: str, bundle: BundleWriter) -> None:
    """Write ``definition.json`` and ``raw/responses.csv`` (further files are numbered).

    A bundle is for when things do not work: what Qualtrics refuses is written as ``problem.json``
    beside what it gave, and raises nothing.
    """
    problems = [
        *_trying(lambda: bundle.add_json("definition.json", api.definition(survey_id))),
        *_trying(lambda: _write_responses(api, context, survey_id, bundle)),
    ]
    if problems:
        bundle.add_json("problem.json", [problem.to_problem() for problem in problems])


def _trying(work: Callable[[], None]) -> tuple[MetricsError, ...]:
    try:
        work()
    except (RemoteError, DeadlineExceeded) as error:
        return (error,)
    return ()


def _write_responses(
    api: Api, context: SourceContext, survey_id: str, bundle: BundleWriter
) -> None:
    wanted = METADATA if bundle.include_personal else METADATA - PERSONAL_METADATA
    request = ExportRequest(questions=None, fields=None, metadata=tuple(sorted(wanted)))
    path = fetch_export(api, context, survey_id, request)
    if not bundle.include_personal:
        _refuse_personal(path)
    allowance = Allowance()
    with members(path) as found:
        for number, member in enumerate(found, start=1):
            name = "raw/responses.csv" if number == 1 else f"raw/responses-{number}.csv"
            with bundle.open(name) as out:
                copy(member, out, allowance)


def _refuse_personal(path: Path) -> None:
    """See that Qualtrics left out the personal columns as it was asked to.

    Raises:
        ExportFailed: when it did not, or nobody can tell.
    """
    header: Header | None = None
    with members(path) as found:
        for member in found:
            header, _ = read_header(member, of=header)
            if any(column.key.import_id in PERSONAL_METADATA for column in header.columns):
                raise ExportFailed(
                    "The export holds personal columns that were not asked for, so it was left "
                    "out of the bundle.",
                    remedy="Make the bundle again with personal columns included, if you may.",
                )
