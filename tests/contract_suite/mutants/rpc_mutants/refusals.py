"""Mutants that do not recognize what the survey tool refuses with HTTP 200."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from tests.contract_suite.mutants import rpc_server
from tests.contract_suite.mutants.rpc_source import RpcSource

Context = sm.SourceContext


class CredentialErrorForLock(RpcSource):
    """Reports too many attempts as a wrong password."""

    def refused(self, method: str, text: Any) -> sm.MetricsError:  # noqa: ANN401  # JSON, as below.
        if method == rpc_server.SIGN_IN:
            return sm.CredentialRefused("Remote rejected the password.")
        return super().refused(method, text)


class RetriesRefusedSignIn(RpcSource):
    """Signs in again after a refusal."""

    def call(self, http: httpx.Client, method: str, *params: object) -> Mapping[str, Any]:
        try:
            return super().call(http, method, *params)
        except sm.RateLimited:
            return super().call(http, method, *params)


class OutageForEveryRefusal(RpcSource):
    """Reports every refusal as an outage."""

    def refused(self, method: str, text: Any) -> sm.MetricsError:  # noqa: ANN401
        known = super().refused(method, text)
        wrong = isinstance(known, sm.CredentialRefused)
        return known if wrong else sm.SourceUnavailable("Remote is down.")


class ZeroWithoutPermission(RpcSource):
    """Counts zero without a permission."""

    def exported(self, context: Context, key: SecretStr, survey_id: str) -> list[Any]:
        try:
            return super().exported(context, key, survey_id)
        except sm.AccessMissing:
            return []


class ZeroForInactive(RpcSource):
    """Counts zero in an inactive survey."""

    def exported(self, context: Context, key: SecretStr, survey_id: str) -> list[Any]:
        try:
            return super().exported(context, key, survey_id)
        except sm.ResultsUnavailable:
            return []


class CredentialErrorForEndedSession(RpcSource):
    """Reports an ended session as a wrong password."""

    def refused(self, method: str, text: Any) -> sm.MetricsError:  # noqa: ANN401
        if text == rpc_server.ENDED:
            return sm.CredentialRefused("Remote rejected the password.")
        return super().refused(method, text)


class PartOfAListAfterEndedSession(RpcSource):
    """Returns the pages up to the end of a session as the whole list."""

    def pages(self, context: Context, method: str, *params: str) -> Iterator[Any]:
        try:
            yield from super().pages(context, method, *params)
        except sm.SourceUnavailable as error:
            if str(error) != "Remote refused the call.":
                raise


class SkipsRefusedPage(RpcSource):
    """Skips a page that is refused once, and counts the others."""

    def pages(self, context: Context, method: str, *params: str) -> Iterator[Any]:
        skipped = 0
        offset, total = 0, 1
        while offset < total:
            context.progress(offset, total, "Reading")
            try:
                page = self.page(self.call(context.http, method, *params, offset))
            except sm.AccessMissing:
                if skipped or not offset:
                    raise
                skipped += 1
                offset += rpc_server.PAGE
                continue
            yield from page["items"]
            offset, total = offset + len(page["items"]), page["total"]


class SkipsPageOfEndedSession(RpcSource):
    """Signs in again after the end of a session, and goes on with the next page."""

    def pages(self, context: Context, method: str, *params: str) -> Iterator[Any]:
        renewed = False
        offset, total = 0, 1
        while offset < total:
            context.progress(offset, total, "Reading")
            try:
                page = self.page(self.call(context.http, method, *params, offset))
            except sm.SourceUnavailable as error:
                if renewed or not offset or str(error) != "Remote refused the call.":
                    raise
                renewed = True
                offset += rpc_server.PAGE
                continue
            yield from page["items"]
            offset, total = offset + len(page["items"]), page["total"]


class EmptySurveyForUnknown(RpcSource):
    """Returns an unknown survey as one without questions."""

    def described(self, context: Context, key: SecretStr, survey_id: str) -> sm.Questionnaire:
        try:
            return super().described(context, key, survey_id)
        except sm.SurveyUnavailable:
            return sm.Questionnaire(survey=sm.Survey(id=survey_id, name=survey_id), questions=())


KILLERS: Final[Mapping[str, Sequence[type[RpcSource]]]] = {
    "test_a_refusal_with_status_200_is_reported": (
        CredentialErrorForLock,
        RetriesRefusedSignIn,
        OutageForEveryRefusal,
        ZeroWithoutPermission,
        ZeroForInactive,
        CredentialErrorForEndedSession,
        PartOfAListAfterEndedSession,
        EmptySurveyForUnknown,
    ),
    "test_a_refusal_in_between_never_changes_an_answer": (
        SkipsRefusedPage,
        SkipsPageOfEndedSession,
    ),
}
