"""Access tokens that a connection fetches once and uses until they expire."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import SecretStr

if TYPE_CHECKING:  # Imports this module.
    from smaply_metrics_core.context import Clock, Deadline

_POLL_SECONDS: Final = 0.1


class AccessToken(NamedTuple):
    """An access token, and the seconds that it can be used for."""

    secret: SecretStr
    seconds: float


class _CachedToken:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.secret: SecretStr | None = None
        self.expires_at = 0.0


class TokenCache:
    """The access tokens of one connection, shared by its sessions in a process; thread-safe.

    Args:
        clock: Tells when a token has expired.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _CachedToken] = {}

    def get(self, key: str, deadline: Deadline, fetch: Callable[[], AccessToken]) -> SecretStr:
        """Return the token of a key, and fetch it if there is none that has not expired.

        Of several threads that need the same token, one fetches it and the others wait.

        Args:
            key: Identifies what the token is for; another secret needs another key.
            deadline: Ends the wait for another thread.
            fetch: Fetches a token; what it raises is passed on and not stored.

        Raises:
            Cancelled: when the call was cancelled while another thread fetched the token.
            DeadlineExceeded: when the deadline passed in the meantime.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _CachedToken())
        while not entry.lock.acquire(timeout=_POLL_SECONDS):
            deadline.check()
        try:
            if entry.secret is None or self._clock.monotonic() >= entry.expires_at:
                asked_at = self._clock.monotonic()  # The token may be as old as the request.
                token = fetch()
                entry.secret, entry.expires_at = token.secret, asked_at + token.seconds
            return entry.secret
        finally:
            entry.lock.release()

    def drop(self, key: str, secret: SecretStr) -> None:
        """Forget a token that was refused, unless another thread has replaced it."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None:
            return
        with entry.lock:
            if entry.secret == secret:
                entry.secret = None
