"""A small, correct source of a survey tool with login sessions, and its calls by POST."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.calculations.row_queries import answer_queries
from smaply_metrics_core.http import SAFE_TO_REPEAT, read_json
from tests.contract_suite.mutants import rpc_server
from tests.contract_suite.mutants.http_source import (
    AUTHENTICATE,
    REACH,
    ROW_READER,
    HttpSource,
    HttpSourceCredentials,
)

ERRORS: Final[Mapping[str, type[sm.RemoteError]]] = {
    rpc_server.WRONG: sm.CredentialRefused,
    rpc_server.LOCKED: sm.RateLimited,
    rpc_server.NOT_PERMITTED: sm.AccessMissing,
    rpc_server.INACTIVE: sm.ResultsUnavailable,
    rpc_server.UNKNOWN: sm.SurveyUnavailable,
}

Context = sm.SourceContext
Mine = HttpSourceCredentials


class RpcSource(HttpSource):
    """The hooks, with methods that mutants override."""

    @sm.hookimpl
    def describe_source(self) -> sm.SourceDescription:
        """Describe a source with a password."""
        found = super().describe_source()
        return found.model_copy(update={"id": "rpc", "title": "Remote Procedures"})

    @sm.hookimpl
    def validate_credentials(
        self, credentials: Mine, context: Context
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        """Identify the service before the password is sent."""
        yield REACH
        if self.answer(context.http, "surveys", "", 0).get("refused") != rpc_server.ENDED:
            raise sm.Unreachable("The service did not respond like Remote.")
        yield AUTHENTICATE
        with self.session(context, credentials) as key:
            next(iter(self.listed_surveys(context, key)))

    @sm.hookimpl
    def list_surveys(self, credentials: Mine, context: Context) -> Iterator[sm.Survey]:
        """Yield every survey, page after page."""
        with self.session(context, credentials) as key:
            for item in self.listed_surveys(context, key):
                yield self.survey(item)

    @sm.hookimpl
    def list_questions(
        self, credentials: Mine, context: Context, survey_id: str
    ) -> sm.Questionnaire:
        """Return the questionnaire of one survey."""
        with self.session(context, credentials) as key:
            return self.described(context, key, survey_id)

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        """Count the exported rows."""
        as_of = context.now()
        with self.session(context, credentials) as key:
            described = self.described(context, key, survey_id)
            rows = self.exported(context, key, survey_id)
        yield from answer_queries(self.frame(rows), queries, described, ROW_READER, as_of=as_of)

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        """Write the rows and the definition."""
        with self.session(context, credentials) as key:
            definition = self.described(context, key, survey_id)
            rows = self.exported(context, key, survey_id)
            self.write(bundle, key, rows, definition)

    def write(
        self, bundle: BundleWriter, key: SecretStr, rows: list[Any], definition: sm.Questionnaire
    ) -> None:
        """Write the files of a bundle."""
        del key
        if not bundle.include_personal:
            rows = [{k: v for k, v in row.items() if k != "address"} for row in rows]
        bundle.add_json("rows.json", rows)
        bundle.add_json("definition.json", definition)

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        """Open a session, and release it."""
        with context.signed_in(
            lambda: self.sign_in(context, credentials),
            lambda http, key: self.call(http, rpc_server.SIGN_OUT, key.get_secret_value()),
        ) as key:
            yield key

    def sign_in(self, context: Context, credentials: Mine) -> SecretStr:
        """Return the key of a new session."""
        password = credentials.api_token.get_secret_value()
        key = self.call(context.http, rpc_server.SIGN_IN, password).get("key")
        if not isinstance(key, str):
            raise sm.SourceUnavailable("Remote did not return a session.")
        return SecretStr(key)

    def listed_surveys(self, context: Context, key: SecretStr) -> Iterator[Any]:
        """Yield the description of every survey."""
        yield from self.pages(context, "surveys", key.get_secret_value())

    def described(self, context: Context, key: SecretStr, survey_id: str) -> sm.Questionnaire:
        """Return the questionnaire of a survey."""
        found = self.call(context.http, "questions", key.get_secret_value(), survey_id)
        try:
            return sm.Questionnaire(
                survey=self.survey(found["survey"]),
                questions=tuple(self.question(**one) for one in found["questions"]),
                fields=(sm.EmbeddedField(name="region"),),
            )
        except (KeyError, TypeError, ValueError):
            raise sm.SourceUnavailable("Remote returned an invalid survey.") from None

    def exported(self, context: Context, key: SecretStr, survey_id: str) -> list[Any]:
        """Return every response."""
        return list(self.pages(context, "export", key.get_secret_value(), survey_id))

    def pages(self, context: Context, method: str, *params: str) -> Iterator[Any]:
        """Yield the items of a list, page after page."""
        offset, total = 0, 1
        while offset < total:
            context.progress(offset, total, "Reading")
            page = self.page(self.call(context.http, method, *params, offset))
            if page.get("offset") != offset or not isinstance(page.get("items"), list):
                raise sm.SourceUnavailable("Remote did not return the requested page.")
            yield from page["items"]
            offset += len(page["items"])
            total = page["total"] if isinstance(page.get("total"), int) else -1
            if offset != total and not (page["items"] and offset < total):
                raise sm.SourceUnavailable("Remote did not return the requested page.")

    def page(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a page, which is encoded in an export."""
        if "payload" not in result:
            return result
        page = self.decoded(result["payload"])
        if not isinstance(page, dict):
            raise sm.ExportFailed("Remote sent damaged responses.")
        return page

    def decoded(self, payload: Any) -> Any:  # noqa: ANN401  # JSON, here and below.
        """Return the content of an export."""
        try:
            return json.loads(base64.b64decode(payload, validate=True))
        except (TypeError, ValueError, binascii.Error):
            raise sm.ExportFailed("Remote sent damaged responses.") from None

    def call(self, http: httpx.Client, method: str, *params: object) -> Mapping[str, Any]:
        """Return the result of a call, or raise the error of its refusal."""
        found = self.answer(http, method, *params)
        if "refused" in found:
            raise self.refused(method, found["refused"])
        if not isinstance(found.get("result"), dict):
            raise sm.SourceUnavailable("Remote did not return a result.")
        result: Mapping[str, Any] = found["result"]
        return result

    def refused(self, method: str, text: Any) -> sm.MetricsError:  # noqa: ANN401
        """Return the error of a refusal."""
        del method
        error = ERRORS.get(str(text), sm.SourceUnavailable)
        return error("Remote refused the call.", remedy="Correct it in Remote.")

    def answer(self, http: httpx.Client, method: str, *params: object) -> Mapping[str, Any]:
        """Return the body of the response to a call."""
        response = http.post(
            "/rpc",
            json={"method": method, "params": params},
            extensions=self.extensions(method),
        )
        found = self.read_body(response)
        return found if isinstance(found, dict) else {}

    def extensions(self, method: str) -> Mapping[str, Any] | None:
        """Return the extensions of a request: all calls but the sign-in can be repeated."""
        return None if method == rpc_server.SIGN_IN else SAFE_TO_REPEAT

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401
        """Return the body of a response, or raise its error."""
        match response.status_code:
            case 200:
                return read_json(response)
            case 401:
                raise sm.CredentialRefused("Remote rejected the password.")
            case 403:
                raise sm.AccessMissing("The password has no permission.", remedy="Request it.")
            case 404:
                raise sm.SurveyUnavailable("Remote has moved.", remedy="Choose another survey.")
            case other:
                raise sm.SourceUnavailable(f"Remote returned HTTP {other}.")
