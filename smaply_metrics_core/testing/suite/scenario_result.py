"""The result of a scenario: its value or error, its exchanges and its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.http.error_mapping import causes_of
from smaply_metrics_core.testing.faults.replay import Exchanges
from smaply_metrics_core.testing.leak_detection.output_capture import OutputCapture

NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass
class ScenarioResult:
    """The result of one run of a scenario.

    Attributes:
        started: When the run started, by its own clock.
        ended: When the run ended, by its own clock.
        value: The return value.
        error: The error of the error tree, if one was raised.
        failure: The failed assertion, for example of a cassette that does not match.
        output: Logs, output, errors and values of the source.
        exchanges: The requests and their responses.
        secrets: The secrets that the source knew in the end: its credentials, and those that it
            added, such as session keys.
        progress: The number of progress reports.
        sleeps: Calls of ``time.sleep`` by the source.
        process_changes: Process state that the source changed.
    """

    started: datetime
    ended: datetime = NEVER
    value: Any = None
    error: MetricsError | None = None
    failure: AssertionError | None = None
    output: OutputCapture = field(default_factory=OutputCapture)
    exchanges: Exchanges = field(default_factory=list)
    progress: int = 0
    sleeps: list[str] = field(default_factory=list)
    process_changes: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)

    def drop_tracebacks(self) -> None:
        """Remove the tracebacks of all errors.

        Their frames reference the source and its folder of temporary files, which would slow down
        later runs.
        """
        for error in self._errors():
            error.__traceback__ = None

    def _errors(self) -> Iterator[BaseException]:
        """Yield every error of the run with its causes."""
        answers = self.value.values() if isinstance(self.value, Mapping) else ()
        for one in (self.error, *answers):
            if isinstance(one, BaseException):
                yield from causes_of(one)
