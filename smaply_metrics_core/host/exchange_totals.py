"""The totals of the requests of a refresh or check, for its log record."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smaply_metrics_core.http import Exchange


class ExchangeTotals:
    """Counts requests to a survey tool; ``note`` is called on the thread of the source.

    Attributes:
        requests: The number of requests.
        bytes: The size of their responses before decompression.
        request_id: The last request ID that the survey tool sent, if any.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self.request_id: str | None = None

    def note(self, exchange: Exchange) -> None:
        """Add a request."""
        self.requests += 1
        self.bytes += exchange.response_bytes
        self.request_id = exchange.request_id or self.request_id
