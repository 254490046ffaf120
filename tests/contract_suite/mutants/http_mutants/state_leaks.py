"""Mutants that share state between calls or connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class CachesFirstToken(HttpSource):
    """Uses the first token for all calls."""

    cached: HttpSourceCredentials | None = None

    def auth(self, credentials: Mine) -> httpx.Auth:
        self.cached = self.cached or credentials
        return super().auth(self.cached)


class UsesLatestToken(HttpSource):
    """Uses the token of the latest call."""

    latest: HttpSourceCredentials | None = None

    def auth(self, credentials: Mine) -> httpx.Auth:
        self.latest = credentials
        return super().auth(credentials)

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        self.auth(credentials)
        url: str | None = path
        while url:
            page = context.http.get(url, auth=HttpSource.auth(self, self.latest or credentials))
            yield from self.listed(self.read_body(page))
            url = self.next_url(page)


class CachesSurveys(HttpSource):
    """Caches the list of surveys for all connections."""

    def __init__(self) -> None:
        self.cached: list[sm.Survey] = []

    @sm.hookimpl
    def list_surveys(self, credentials: Mine, context: Context) -> Iterator[sm.Survey]:
        if not self.cached:
            self.cached = list(super().list_surveys(credentials, context))
        yield from self.cached


class CachesQuestionnaires(HttpSource):
    """Caches questionnaires by survey id."""

    def __init__(self) -> None:
        self.cached: dict[str, sm.Questionnaire] = {}

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        if survey_id not in self.cached:
            self.cached[survey_id] = super().questionnaire(context, credentials, survey_id)
        return self.cached[survey_id]


class SharesRows(HttpSource):
    """Collects the responses of all calls in one list."""

    def __init__(self) -> None:
        self.gathered: list[Any] = []

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        self.gathered = []
        for row in self.items(context, credentials, f"/v1/surveys/{survey_id}/responses"):
            self.gathered.append(row)
        return self.gathered


class AccumulatesRows(HttpSource):
    """Adds the responses of each call to those of the previous one."""

    def __init__(self) -> None:
        self.gathered: list[Any] = []

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        self.gathered += super().rows(context, credentials, survey_id)
        return self.gathered


class CachesTallies(HttpSource):
    """Sends requests each time, but returns the first tallies."""

    def __init__(self) -> None:
        self.cached: dict[str, sm.Tally | sm.MetricsError] = {}

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        for name, answer in super().fetch_metric(credentials, context, survey_id, queries):
            yield name, self.cached.setdefault(name, answer)


class ProgressWithFirstToken(HttpSource):
    """Reports the token of the first call in its progress."""

    def __init__(self) -> None:
        self.users: list[str] = []

    def progress_text(self, credentials: Mine) -> str:
        self.users.append(credentials.api_token.get_secret_value())
        return f"Reading for {self.users[0]}"


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_connections_share_nothing": (
        CachesFirstToken,
        UsesLatestToken,
        CachesSurveys,
        SharesRows,
    ),
    "test_a_call_leaves_no_state_behind": (CachesQuestionnaires, AccumulatesRows, CachesTallies),
    "test_no_credential_is_leaked": (ProgressWithFirstToken,),
}
