"""A login session: the functions that need a session key."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from smaply_metrics_core import SourceContext, SourceUnavailable
from smaply_metrics_limesurvey.credentials import LimeSurveyCredentials
from smaply_metrics_limesurvey.rpc.json_rpc import JsonRpc
from smaply_metrics_limesurvey.rpc.refusals import SIGN_IN, SIGN_OUT, SessionLost


class LoginSession:
    """A session of one call of a hook, as a context manager: it signs in, and signs out.

    A session that LimeSurvey ends in between is renewed once. A refused sign-in is never repeated:
    three wrong passwords lock out all connections of this installation.
    """

    def __init__(self, credentials: LimeSurveyCredentials, context: SourceContext) -> None:
        self._rpc = JsonRpc(credentials.place, context.http, context.now)
        self._credentials = credentials
        self._context = context
        self._signed_in = ExitStack()
        self._key: SecretStr | None = None
        self._renewed = False

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signed_in.close()

    def call(self, method: str, *params: object) -> Any:  # noqa: ANN401  # Any JSON.
        """Return the result of a function, whose first parameter is the session key.

        Raises:
            RemoteError: if it was refused or failed.
        """
        try:
            return self._rpc.call(method, self._key, *params)
        except SessionLost:
            if self._renewed:
                raise
        self._renewed = True
        self._begin()
        return self._rpc.call(method, self._key, *params)

    def _begin(self) -> None:
        """Sign in; a session that was lost is released with this one, which LimeSurvey accepts."""
        self._key = self._signed_in.enter_context(
            self._context.signed_in(self._sign_in, self._sign_out)
        )

    def _sign_in(self) -> SecretStr:
        user, password = self._credentials.user, self._credentials.password
        key = self._rpc.call(SIGN_IN, user, password)
        if not isinstance(key, str) or not key:
            raise SourceUnavailable("LimeSurvey returned no session key.")
        return SecretStr(key)

    def _sign_out(self, http: httpx.Client, key: SecretStr) -> None:
        JsonRpc(self._credentials.place, http, self._context.now).call(SIGN_OUT, key)
