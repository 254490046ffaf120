"""Write the raw data of a survey to a debug bundle: its definition and the unchanged export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from smaply_metrics_core import (
    BundleWriter,
    CredentialRefused,
    Deadline,
    DeadlineExceeded,
    ExportFailed,
    MetricsError,
    RemoteError,
    SourceContext,
)
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.api.exports import ExportRequest, fetch_export
from smaply_metrics_qualtrics.export_columns import METADATA, PERSONAL_METADATA, Header
from smaply_metrics_qualtrics.responses.csv_reader import read_header
from smaply_metrics_qualtrics.responses.query_plan import sentinel
from smaply_metrics_qualtrics.responses.zip_reader import Allowance, ZipMember, members
from smaply_metrics_qualtrics.survey.definition import read_definition

DEFINITION: Final = "definition.json"
SCHEMA: Final = "response-schema.json"
REQUEST: Final = "export-request.json"
"""The body of the export request."""


def debug_export(
    api: QualtricsApi, context: SourceContext, survey_id: str, bundle: BundleWriter
) -> None:
    """Write the survey definition, the response schema and all responses.

    ``raw/responses.csv`` contains the responses unchanged, and ``responses.csv`` in readable form.
    Further files of an export are numbered. ``export-request.json`` contains the request.

    In a survey with loops, the number ``seenUnansweredRecode`` of the request marks questions that
    were seen but not answered; it shows which loops a respondent went through. The readable file
    leaves these cells empty.

    Errors of Qualtrics do not abort the bundle. They are written to ``problem.json``.

    Raises:
        CredentialRefused: if Qualtrics rejects the token. No further request is sent.
    """
    seen: list[int] = []

    def write_definition() -> None:
        definition = api.definition(survey_id)
        bundle.add_json(DEFINITION, definition)
        survey = read_definition(definition, survey_id)
        if any(answer.every_loop for answer in survey.answer_columns.values()):
            seen.append(sentinel(survey.recodes))

    problems = [*_trying(write_definition)]
    if not problems:  # For a deleted survey, the schema request fails with an uninformative error.
        problems += _trying(lambda: bundle.add_json(SCHEMA, api.response_schema(survey_id)))
    problems += _trying(lambda: _write_responses(api, context, survey_id, bundle, seen))
    if problems:
        bundle.add_json("problem.json", [problem.to_problem() for problem in problems])


def responses_name(number: int) -> str:
    """Return the name of the file of responses with this number, from 1."""
    return "responses.csv" if number == 1 else f"responses-{number}.csv"


def _trying(work: Callable[[], None]) -> tuple[MetricsError, ...]:
    try:
        work()
    except CredentialRefused:
        raise
    except (RemoteError, DeadlineExceeded) as error:
        return (error,)
    return ()


def _write_responses(
    api: QualtricsApi,
    context: SourceContext,
    survey_id: str,
    bundle: BundleWriter,
    seen: Sequence[int],
) -> None:
    wanted = METADATA if bundle.include_personal else METADATA - PERSONAL_METADATA
    request = ExportRequest(
        questions=None,
        fields=None,
        metadata=tuple(sorted(wanted)),
        seen=next(iter(seen), None),
    )
    bundle.add_json(REQUEST, request.body())
    path = fetch_export(api, context, survey_id, request)
    if not bundle.include_personal:
        _check_no_personal_columns(path)
    allowance = Allowance()
    with members(path) as found:
        for number, member in enumerate(found, start=1):
            bundle.add_csv(
                responses_name(number),
                _Allowed(member, allowance, context.deadline),
                blank=frozenset(map(str, seen)),
            )


class _Allowed:
    """A file of the export, read up to the size limit and until the deadline."""

    def __init__(self, member: ZipMember, allowance: Allowance, deadline: Deadline) -> None:
        self._member = member
        self._allowance = allowance
        self._deadline = deadline

    def read(self, size: int, /) -> bytes:
        self._deadline.check()
        block = self._member.read(size)
        self._allowance.take(len(block))
        return block


def _check_no_personal_columns(path: Path) -> None:
    """Check that the export contains no personal columns, as requested.

    Raises:
        ExportFailed: if it does, or if its header cannot be read.
    """
    header: Header | None = None
    with members(path) as found:
        for member in found:
            header, _ = read_header(member, of=header)
            if any(column.key.import_id in PERSONAL_METADATA for column in header.columns):
                raise ExportFailed(
                    "The export contains personal data that was not requested, so it was excluded "
                    "from the bundle.",
                    remedy="Create the bundle again and include personal data, if permitted.",
                )
