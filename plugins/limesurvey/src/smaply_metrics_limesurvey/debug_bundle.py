"""Write a debug bundle, and answer queries from one."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from smaply_metrics_core import (
    BundleReader,
    BundleWriter,
    CredentialRefused,
    DeadlineExceeded,
    MetricQuery,
    MetricsError,
    RateLimited,
    RemoteError,
    SourceContext,
    SurveyUnavailable,
    Tally,
)
from smaply_metrics_limesurvey.client import JsonObject, LimeSurveyClient, Summary
from smaply_metrics_limesurvey.responses.export import export_pages, ids_per_page
from smaply_metrics_limesurvey.responses.fetch import fetch
from smaply_metrics_limesurvey.survey.columns import (
    ID,
    LAST_ACTION,
    SUBMITTED,
    Column,
    as_int,
    read_columns,
)
from smaply_metrics_limesurvey.survey.loader import load_survey

DEFINITION: Final = "definition.json"
RESPONSES: Final = "responses.csv"
_FILES: Final = "|"
_TIME: Final = "%Y-%m-%d %H:%M:%S"


def debug_export(
    api: LimeSurveyClient, context: SourceContext, survey_id: str, bundle: BundleWriter, zone: str
) -> None:
    """Write the definition of a survey and all its responses.

    Never written: IP addresses, referrers and participant tokens. Names and titles of uploaded
    files only if personal data is included. Errors of LimeSurvey do not abort the bundle: they are
    written to ``problem.json``.

    Raises:
        CredentialRefused: if LimeSurvey rejects the user.
        RateLimited: if LimeSurvey rejects all sign-ins for some time.
    """
    recorder = DefinitionRecorder(api, zone)
    definition = recorder.definition
    problems = [*_trying(lambda: load_survey(recorder, context, survey_id))]
    if "columns" in definition:
        columns = [
            one
            for one in read_columns(definition["columns"])
            if bundle.include_personal or not _is_file_list(one, definition["columns"])
        ]
        problems += _trying(lambda: _write_responses(api, context, survey_id, bundle, columns))
    if "questions" in definition:
        bundle.add_json(DEFINITION, definition)
    if problems:
        bundle.add_json("problem.json", [one.to_problem() for one in problems])


class DefinitionRecorder:
    """The functions that describe a survey, whose results are stored for a bundle.

    Attributes:
        definition: The results so far.
    """

    def __init__(self, api: LimeSurveyClient, zone: str) -> None:
        self.definition: dict[str, Any] = {"time_zone": zone, "properties": {}}
        self._api = api

    def survey(self, survey_id: str) -> JsonObject:
        """Return and store the entry of a survey in the list."""
        self.definition["survey"] = found = self._api.survey(survey_id)
        return found

    def questions(self, survey_id: str) -> Sequence[JsonObject]:
        """Return and store the questions."""
        self.definition["questions"] = found = self._api.questions(survey_id)
        return found

    def field_map(self, survey_id: str) -> Mapping[str, JsonObject]:
        """Return and store the columns."""
        self.definition["columns"] = found = self._api.field_map(survey_id)
        return found

    def properties(self, question: int) -> JsonObject:
        """Return and store the properties of a question."""
        self.definition["properties"][str(question)] = found = self._api.properties(question)
        return found


def _trying(work: Callable[[], object]) -> tuple[MetricsError, ...]:
    try:
        work()
    except (CredentialRefused, RateLimited):
        raise
    except (RemoteError, DeadlineExceeded) as error:
        return (error,)
    return ()


def _is_file_list(column: Column, field_map: Mapping[str, JsonObject]) -> bool:
    return field_map[column.name].get("type") == _FILES and not column.code


def _write_responses(
    api: LimeSurveyClient,
    context: SourceContext,
    survey_id: str,
    bundle: BundleWriter,
    columns: Sequence[Column],
) -> None:
    headings = [one.heading for one in columns]
    path = context.folder / RESPONSES
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(headings)
        for page in export_pages(api, context, survey_id, columns, ids_per_page(len(columns))):
            out.writerows([one[name] for name in headings] for one in page)
    with path.open("rb") as written:
        bundle.add_csv(RESPONSES, written)
    path.unlink()


def recompute(
    context: SourceContext, survey_id: str, queries: Sequence[MetricQuery], bundle: BundleReader
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer queries as ``fetch`` does, with the bundle instead of the server.

    Raises:
        MetricsError: as ``fetch``, and if the bundle has no definition or no responses.
    """
    for name in (DEFINITION, f"raw/{RESPONSES}"):
        if name not in bundle.names:
            raise SurveyUnavailable(
                f"The debug bundle does not contain {name}.",
                remedy="See problem.json in the bundle for the reason.",
            )
    api = BundledSurvey(bundle, context.now())
    return fetch(api, context, survey_id, queries, zone=api.zone)


class BundledSurvey:
    """The functions that counting needs, answered from a bundle.

    Args:
        bundle: The bundle.
        until: Responses that were given later are excluded.
    """

    def __init__(self, bundle: BundleReader, until: datetime) -> None:
        self._definition = bundle.read_json(DEFINITION)
        self._bundle = bundle
        self.zone: str = self._definition["time_zone"]
        local = until.astimezone(ZoneInfo(self.zone)) if self.zone else until.astimezone(UTC)
        self._until = local.strftime(_TIME)
        self._rows: list[dict[str, str]] | None = None

    def survey(self, survey_id: str) -> JsonObject:  # noqa: ARG002  # As of a server.
        """Return the entry of the survey."""
        found: JsonObject = self._definition["survey"]
        return found

    def questions(self, survey_id: str) -> Sequence[JsonObject]:  # noqa: ARG002  # As above.
        """Return the questions and sub-questions."""
        found: Sequence[JsonObject] = self._definition["questions"]
        return found

    def field_map(self, survey_id: str) -> Mapping[str, JsonObject]:  # noqa: ARG002  # As above.
        """Return the columns."""
        found: Mapping[str, JsonObject] = self._definition["columns"]
        return found

    def properties(self, question: int) -> JsonObject:
        """Return the properties of a question."""
        found: JsonObject = self._definition["properties"][str(question)]
        return found

    def summary(self, survey_id: str) -> Summary:  # noqa: ARG002  # As above.
        """Return the number of responses in the bundle."""
        rows = self._responses()
        return Summary(len(rows), sum(1 for one in rows if one[SUBMITTED]))

    def export(
        self,
        survey_id: str,  # noqa: ARG002  # As above.
        columns: Sequence[str],
        first: int,
        last: int | None,
    ) -> list[JsonObject]:
        """Return the responses with some ids."""
        wanted = {*columns}
        names = [one.heading for one in read_columns(self.field_map("")) if one.name in wanted]
        return [
            {name: one[name] for name in names}
            for one in self._responses()
            if first <= as_int(one[ID]) and (last is None or as_int(one[ID]) <= last)
        ]

    def _responses(self) -> list[dict[str, str]]:
        if self._rows is None:
            path = self._bundle.extract(f"raw/{RESPONSES}")
            with path.open(encoding="utf-8", newline="") as file:
                self._rows = [one for one in csv.DictReader(file) if self._is_known(one)]
        return self._rows

    def _is_known(self, row: Mapping[str, str]) -> bool:
        """Whether a response was given by the time as of which the bundle is counted."""
        return LAST_ACTION not in row or (row[SUBMITTED] or row[LAST_ACTION]) <= self._until
