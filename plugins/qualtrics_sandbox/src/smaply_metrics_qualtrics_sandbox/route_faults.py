"""Simulated faults of the network and the service, each on one route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from smaply_metrics_qualtrics_sandbox.errors import ControlError

ROUTES = (
    "token",
    "whoami",
    "users",
    "directories",
    "distributions",
    "lists",
    "surveys",
    "survey",
    "definition",
    "design",
    "questions",
    "quotas",
    "response_schema",
    "response",
    "filters",
    "export_start",
    "export_progress",
    "export_file",
)
KINDS: Mapping[str, tuple[str, ...]] = {
    "status": ROUTES,
    "html": ROUTES,
    "malformed": ROUTES,
    "drop": ROUTES,
    "hang": ROUTES,
    "empty_list": ("surveys", "questions"),
    "failed": ("export_progress",),
    "stuck": ("export_progress",),
    "expired": ("export_progress", "export_file"),
    "truncated_zip": ("export_file",),
    "empty_zip": ("export_file",),
}
HANG_SECONDS = 60.0
HTML = (
    "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n"
    "You don't have permission to access this server.<P>\n</BODY>\n</HTML>\n"
)


@dataclass
class RouteFault:
    """A fault on a route.

    Attributes:
        route: One of `ROUTES`.
        kind: `status` (a response with that status), `html` (a page instead of JSON), `malformed`
            (truncated JSON), `drop` (the connection closes without a response), `hang` (no response
            for `seconds`, then a drop), `empty_list`, `failed`, `stuck`, `expired`,
            `truncated_zip`, `empty_zip`.
        status: The HTTP status for `status`, `html` and `malformed`.
        body: The body for `status`; None for an error envelope.
        content_type: The content type for `status` with a body.
        headers: Additional headers, such as `Retry-After`.
        times: The number of affected calls; 0 for all calls.
        seconds: The duration of `hang`.
    """

    route: str
    kind: str = "status"
    status: int | None = None
    body: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    seconds: float = HANG_SECONDS

    def __post_init__(self) -> None:
        """Validate the fields."""
        if self.route not in ROUTES:
            raise ControlError(f"Unknown route {self.route!r}: one of {', '.join(ROUTES)}.")
        if self.kind not in KINDS:
            raise ControlError(f"Unknown kind {self.kind!r}: one of {', '.join(KINDS)}.")
        if self.route not in KINDS[self.kind]:
            allowed = ", ".join(KINDS[self.kind])
            raise ControlError(f"The fault {self.kind} applies to {allowed}, not to {self.route}.")
        if self.kind == "status" and self.status is None:
            raise ControlError("The fault status requires a status, for example 503.")
        if self.status is not None and not 200 <= self.status <= 599:  # noqa: PLR2004 - HTTP
            raise ControlError("status must be between 200 and 599.")
        if self.times < 0 or not 0 < self.seconds <= HANG_SECONDS:
            raise ControlError(
                f"times must be 0 or more, seconds above 0 and at most {HANG_SECONDS:.0f}."
            )


class Faults:
    """The active faults, oldest first."""

    def __init__(self) -> None:
        self._faults: list[RouteFault] = []

    def add(self, fault: RouteFault) -> None:
        """Add a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def take(self, route: str) -> RouteFault | None:
        """Return the fault for the next call of a route, and count the call."""
        for fault in self._faults:
            if fault.route == route:
                if fault.times == 1:
                    self._faults.remove(fault)
                elif fault.times > 1:
                    fault.times -= 1
                return fault
        return None

    def describe(self) -> list[dict[str, Any]]:
        """Return the faults as JSON."""
        return [asdict(fault) for fault in self._faults]
