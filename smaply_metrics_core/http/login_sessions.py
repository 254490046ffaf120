"""Login sessions of survey tools, which are released whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import httpx
from pydantic import SecretStr

from smaply_metrics_core.context import Clock, Deadline, SignIn, SignOut
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.redaction import Redactor

logger = logging.getLogger("smaply_metrics_core.http")

RELEASE_SECONDS: Final = 10.0
"""The time for a release, which has to be possible after the deadline of the call."""


class LoginSessions:
    """The login sessions of one session with a source; see ``SourceContext.signed_in``.

    Each is released once: when the source leaves it, or by ``release_all`` if it does not.

    Args:
        connect: Returns a client with a deadline of its own.
        clock: The clock of these deadlines.
        redactor: Gets the keys of the sessions.
    """

    def __init__(
        self, connect: Callable[[Deadline], httpx.Client], clock: Clock, redactor: Redactor
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._redactor = redactor
        self._lock = threading.Lock()
        self._open: list[Callable[[], None]] = []

    @contextmanager
    def signed_in(self, sign_in: SignIn, sign_out: SignOut) -> Generator[SecretStr, None, None]:
        """See ``SourceContext.signed_in``."""
        key = sign_in()
        self._redactor.add(key)

        def release() -> None:
            with self._connect(self.deadline()) as client:
                sign_out(client, key)

        with self._lock:
            self._open.append(release)
        try:
            yield key
        finally:
            if self._take(release):
                _attempt(release)

    def release_all(self, call: Callable[[Callable[[], None]], object]) -> None:
        """Release every session that the source has not left; called when its calls have ended.

        Args:
            call: Calls a function of the source, isolated and with a deadline.
        """
        while (release := self._take()) is not None:
            _attempt(lambda release=release: call(release))  # type: ignore[misc]  # Inferred.

    def deadline(self) -> Deadline:
        """Return the deadline of a release that begins now."""
        return Deadline.after(RELEASE_SECONDS, self._clock)

    def _take(self, release: Callable[[], None] | None = None) -> Callable[[], None] | None:
        """Remove and return a session, so that nothing else releases it."""
        with self._lock:
            if not self._open or (release is not None and release not in self._open):
                return None
            found = self._open[-1] if release is None else release
            self._open.remove(found)
            return found


def _attempt(release: Callable[[], object]) -> None:
    """Release a session; if that fails, the survey tool lets it expire."""
    try:
        release()
    except MetricsError as error:
        logger.info("A login session was not released: %s.", error.kind)
