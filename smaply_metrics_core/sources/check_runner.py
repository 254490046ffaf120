"""Turning the steps that a source goes through into results: one for each declared step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from smaply_metrics_core.context import Clock
from smaply_metrics_core.errors import Cancelled, MetricsError, PluginError
from smaply_metrics_core.models.check import CheckNote, CheckStep, StepResult
from smaply_metrics_core.models.problem import Problem


def run_steps(
    declared: tuple[CheckStep, ...],
    yielded: Iterable[CheckStep | CheckNote],
    *,
    clock: Clock,
    who: str,
) -> Iterator[StepResult]:
    """Return the result of each declared step as soon as it is known.

    A step runs from when it is yielded until the next one is. An error ends the check: it fails
    the step that runs, or is a warning on one that is not required, and the rest is skipped. The
    title and whether it is required are taken from the declaration.

    Raises:
        Cancelled: when the caller asked to stop.
    """
    run = _Run(declared, clock, who)
    try:
        for item in yielded:
            if isinstance(item, CheckNote):
                run.note(item)
            else:
                yield from run.begin(item.name)
        yield from run.finish()
    except Cancelled:
        raise
    except MetricsError as error:
        yield from run.fail(error.to_problem())
    yield from run.skip()


@dataclass
class _RunningStep:
    step: CheckStep
    since: float
    details: list[str] = field(default_factory=list)
    problem: Problem | None = None


class _Run:
    """Which step runs, and which have not begun yet."""

    def __init__(self, declared: tuple[CheckStep, ...], clock: Clock, who: str) -> None:
        self._waiting = {step.name: step for step in declared}
        self._running: _RunningStep | None = None
        self._clock = clock
        self._who = who

    def begin(self, name: str) -> Iterator[StepResult]:
        if name not in self._waiting:
            raise PluginError(
                f"{self._who} broke its contract: it began the step “{name}”, which it did not "
                "declare or had begun before."
            )
        yield from self._end()
        self._start(name)

    def note(self, note: CheckNote) -> None:
        if self._running is None:
            raise PluginError(f"{self._who} broke its contract: a note came before any step.")
        self._running.details += filter(None, [note.detail])
        self._running.problem = note.problem or self._running.problem

    def finish(self) -> Iterator[StepResult]:
        yield from self._end()
        for step in self._waiting.values():
            if step.required:
                self._start(step.name)
                raise PluginError(
                    f"{self._who} broke its contract: it never began the required step "
                    f"“{step.name}”."
                )

    def fail(self, problem: Problem) -> Iterator[StepResult]:
        if self._running is None:  # Then none has begun: the last one runs until the end.
            self._start(next(iter(self._waiting)))
        yield from self._end(problem)

    def skip(self) -> Iterator[StepResult]:
        for step in self._waiting.values():
            yield StepResult(
                name=step.name, title=step.title, required=step.required, status="skipped"
            )

    def _start(self, name: str) -> None:
        self._running = _RunningStep(self._waiting.pop(name), self._clock.monotonic())

    def _end(self, error: Problem | None = None) -> Iterator[StepResult]:
        if self._running is None:
            return
        running, self._running = self._running, None
        step, problem = running.step, error or running.problem
        status: Literal["passed", "warning", "failed"]
        if error is not None and step.required:
            status = "failed"
        else:
            status = "passed" if problem is None else "warning"
        yield StepResult(
            name=step.name,
            title=step.title,
            required=step.required,
            status=status,
            detail="; ".join(running.details),
            problem=problem,
            seconds=max(0.0, self._clock.monotonic() - running.since),
        )
