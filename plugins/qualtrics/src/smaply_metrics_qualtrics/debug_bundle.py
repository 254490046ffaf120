"""A survey's raw data for the debug bundle: the definition, and the export as it came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from smaply_metrics_core import (
    BundleWriter,
    CredentialRefused,
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
"""What the export was asked for."""


def debug_export(
    api: QualtricsApi, context: SourceContext, survey_id: str, bundle: BundleWriter
) -> None:
    """Write the survey's definition, the schema of its responses, and all its responses.

    The responses are ``raw/responses.csv`` as they came and ``responses.csv`` for people; further
    files of one export are numbered, and ``export-request.json`` says what was asked for. In a
    survey with loops, the number named there as ``seenUnansweredRecode`` stands where a question
    was seen and not answered: without it nobody could tell which loops a person went through. The
    file for people leaves such cells empty. A bundle is for when things do not work: what Qualtrics
    refuses is written as ``problem.json`` beside what it gave, and raises nothing.

    Raises:
        CredentialRefused: when the token is; it is not tried again.
    """
    seen: list[int] = []

    def write_definition() -> None:
        definition = api.definition(survey_id)
        bundle.add_json(DEFINITION, definition)
        survey = read_definition(definition, survey_id)
        if any(answer.every_loop for answer in survey.answer_columns.values()):
            seen.append(sentinel(survey.recodes))

    problems = [*_trying(write_definition)]
    if not problems:  # A survey that is gone answers here with an error that says nothing.
        problems += _trying(lambda: bundle.add_json(SCHEMA, api.response_schema(survey_id)))
    problems += _trying(lambda: _write_responses(api, context, survey_id, bundle, seen))
    if problems:
        bundle.add_json("problem.json", [problem.to_problem() for problem in problems])


def responses_name(number: int) -> str:
    """Name a file of responses, by its place in the export from 1."""
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
        _refuse_personal(path)
    allowance = Allowance()
    with members(path) as found:
        for number, member in enumerate(found, start=1):
            bundle.add_csv(
                responses_name(number),
                _Allowed(member, allowance),
                blank=frozenset(map(str, seen)),
            )


class _Allowed:
    """A file of the export, as far as what is allowed to come out of it."""

    def __init__(self, member: ZipMember, allowance: Allowance) -> None:
        self._member = member
        self._allowance = allowance

    def read(self, size: int, /) -> bytes:
        block = self._member.read(size)
        self._allowance.take(len(block))
        return block


def _refuse_personal(path: Path) -> None:
    """Check that Qualtrics left out the personal columns as it was asked to.

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
