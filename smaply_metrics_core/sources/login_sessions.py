"""Login sessions of survey tools, which are released whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Final

import httpx
from pydantic import SecretStr

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.isolation import PluginIsolation

logger = logging.getLogger("smaply_metrics_core.sources")

RELEASE_SECONDS: Final = 10.0
"""The time for a release, which has to be possible after the deadline of the call."""

SignIn = Callable[[], SecretStr]
SignOut = Callable[[SecretStr, httpx.Client], object]


class LoginSessions:
    """The login sessions of one call of a source.

    Each is released once: when the source leaves it, or when the call ends without that.

    Args:
        isolation: Calls the source to release a session that it has not left.
        redactor: Gets the session keys.
        clock: The clock of the deadlines.
        connect: Returns a client for a deadline.
    """

    def __init__(
        self,
        isolation: PluginIsolation,
        redactor: Redactor,
        clock: Clock,
        connect: Callable[[Deadline], httpx.Client],
    ) -> None:
        self._isolation = isolation
        self._redactor = redactor
        self._clock = clock
        self._connect = connect
        self._lock = threading.Lock()
        self._open: list[Callable[[], None]] = []

    @contextmanager
    def signed_in(self, sign_in: SignIn, sign_out: SignOut) -> Generator[SecretStr, None, None]:
        """See ``SourceContext.signed_in``."""
        key = sign_in()
        self._redactor.add(key)

        def release() -> None:
            with self._connect(Deadline.after(RELEASE_SECONDS, self._clock)) as client:
                sign_out(key, client)

        with self._lock:
            self._open.append(release)
        try:
            yield key
        finally:
            if self._take(release):
                _attempt(release)

    def release_all(self) -> None:
        """Release every session that the source has not left; called when the call has ended."""
        while (release := self._take()) is not None:
            _attempt(partial(self._isolated, release))

    def _isolated(self, release: Callable[[], None]) -> None:
        deadline = Deadline.after(RELEASE_SECONDS, self._clock)
        self._isolation.call(release, deadline=deadline, what="releasing a login session")

    def _take(self, release: Callable[[], None] | None = None) -> Callable[[], None] | None:
        """Remove and return a session, so that nobody else releases it."""
        with self._lock:
            if not self._open or (release is not None and release not in self._open):
                return None
            found = self._open[-1] if release is None else release
            self._open.remove(found)
            return found


def _attempt(release: Callable[[], None]) -> None:
    """Release a session; if that fails, it ends when the survey tool lets it expire."""
    try:
        release()
    except MetricsError as error:
        logger.info("A login session was not released: %s.", error.kind)
