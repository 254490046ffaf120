"""A login session: the functions that need a session key."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from smaply_metrics_core import MetricsError, SourceContext, SourceUnavailable
from smaply_metrics_limesurvey.credentials import LimeSurveyCredentials
from smaply_metrics_limesurvey.rpc.json_rpc import JsonRpc
from smaply_metrics_limesurvey.rpc.refusals import SIGN_IN, SessionLost


class LoginSession:
    """A session of one call of a hook, as a context manager: it signs in, and signs out.

    A session that LimeSurvey ends in between is renewed once. A refused sign-in is never repeated:
    three wrong passwords lock out all connections of this installation.

    The session key is a secret. It is only sent, and is part of no message, note or file.
    """

    # The core redacts only what an Admin entered. Register the key with it once it can.

    def __init__(self, credentials: LimeSurveyCredentials, context: SourceContext) -> None:
        self._rpc = JsonRpc(credentials.place, context)
        self._credentials = credentials
        self._key: SecretStr | None = None
        self._renewed = False

    def __enter__(self) -> Self:
        self._sign_in()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # After the deadline or a cancellation, nothing can be sent: LimeSurvey ends the session.
        # A failure to sign out costs no numbers either.
        with suppress(MetricsError):
            self._rpc.call("release_session_key", self._key)

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
        self._sign_in()
        return self._rpc.call(method, self._key, *params)

    def _sign_in(self) -> None:
        user, password = self._credentials.user, self._credentials.password
        key = self._rpc.call(SIGN_IN, user, password)
        if not isinstance(key, str) or not key:
            raise SourceUnavailable("LimeSurvey returned no session key.")
        self._key = SecretStr(key)
