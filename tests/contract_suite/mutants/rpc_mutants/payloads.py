"""Mutants that accept damaged base64, skip responses, or repeat a POST."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.http import SAFE_TO_REPEAT
from tests.contract_suite.mutants import rpc_server
from tests.contract_suite.mutants.http_source import HttpSourceCredentials
from tests.contract_suite.mutants.rpc_source import RpcSource

Context = sm.SourceContext
Mine = HttpSourceCredentials

NOTHING: Final = {"items": [], "offset": 0, "total": 0}


class EmptyForDamagedPayload(RpcSource):
    """Treats a damaged payload as no responses."""

    def decoded(self, payload: Any) -> Any:  # noqa: ANN401  # JSON, here and below.
        try:
            return super().decoded(payload)
        except sm.ExportFailed:
            return NOTHING


class EmptyForEmptyPayload(RpcSource):
    """Treats an empty payload as no responses."""

    def decoded(self, payload: Any) -> Any:  # noqa: ANN401
        return super().decoded(payload) if payload else NOTHING


class ReadsWholeItemsOfDamagedPayload(RpcSource):
    """Reads the complete items of a truncated payload."""

    def decoded(self, payload: Any) -> Any:  # noqa: ANN401
        text = base64.b64decode(payload[: len(payload) // 4 * 4]).decode(errors="replace")
        try:
            return json.loads(text)
        except ValueError:
            items = [json.loads(one) for one in re.findall(r'\{"at"[^{}]*\}', text)]
            return {"items": items, "offset": 0, "total": len(items)}

    def page(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        page = super().page(result)
        return page if "items" in page else NOTHING


class RaisesBugForDamagedPayload(RpcSource):
    """Decodes a payload without handling errors."""

    def decoded(self, payload: Any) -> Any:  # noqa: ANN401
        return json.loads(base64.b64decode(payload))


class SkipsOneBadPage(RpcSource):
    """Skips one page that cannot be read, and counts the others."""

    def pages(self, context: Context, method: str, *params: str) -> Iterator[Any]:
        skipped = False
        offset, total = 0, 1
        while offset < total:
            context.progress(offset, total, "Reading")
            try:
                page = self.page(self.call(context.http, method, *params, offset))
            except (sm.SourceUnavailable, sm.ExportFailed):
                if skipped or not offset:
                    raise
                skipped = True
                offset += rpc_server.PAGE
                continue
            yield from page["items"]
            offset, total = offset + len(page["items"]), page["total"]


class CountsOnAfterOneFailure(RpcSource):
    """Skips one page after a failure of the network, and counts the others."""

    def extensions(self, method: str) -> Mapping[str, Any] | None:
        return None if method == "export" else super().extensions(method)

    def exported(self, context: Context, key: SecretStr, survey_id: str) -> list[Any]:
        rows: list[Any] = []
        failed = False
        for offset in range(0, 3 * rpc_server.PAGE, rpc_server.PAGE):
            context.progress(offset, None, "Reading")
            call = ("export", key.get_secret_value(), survey_id, offset)
            try:
                rows += self.page(self.call(context.http, *call))["items"]
            except (sm.Unreachable, sm.SourceUnavailable):
                if failed:
                    raise
                failed = True
        return rows


class SignsInAgainAfterFailure(RpcSource):
    """Signs in again after a failure of the network."""

    def sign_in(self, context: Context, credentials: Mine) -> SecretStr:
        try:
            return super().sign_in(context, credentials)
        except (sm.Unreachable, sm.SourceUnavailable):
            return super().sign_in(context, credentials)


class DeclaresSignInAsSafe(RpcSource):
    """Declares the sign-in as safe to repeat."""

    def extensions(self, method: str) -> Mapping[str, Any] | None:
        return SAFE_TO_REPEAT


class RepeatsPost(RpcSource):
    """Repeats a POST that it does not declare as safe to repeat."""

    def extensions(self, method: str) -> Mapping[str, Any] | None:
        return None if method == "export" else super().extensions(method)

    def call(self, http: httpx.Client, method: str, *params: object) -> Mapping[str, Any]:
        try:
            return super().call(http, method, *params)
        except (sm.Unreachable, sm.SourceUnavailable):
            if method != "export":
                raise
            return super().call(http, method, *params)


KILLERS: Final[Mapping[str, Sequence[type[RpcSource]]]] = {
    "test_a_damaged_payload_is_refused": (
        EmptyForDamagedPayload,
        EmptyForEmptyPayload,
        ReadsWholeItemsOfDamagedPayload,
        RaisesBugForDamagedPayload,
    ),
    "test_one_bad_response_is_never_skipped": (SkipsOneBadPage,),
    "test_one_failure_does_not_fail_the_answer": (CountsOnAfterOneFailure,),
    "test_a_post_is_sent_once": (SignsInAgainAfterFailure, DeclaresSignInAsSafe, RepeatsPost),
}
