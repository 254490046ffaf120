"""Runs the check steps of a source and yields one result for each declared step."""

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
    """Yield the result of each declared step as soon as it is known.

    A step runs until the next one is yielded. An error fails the running step, or is a warning if
    the step is not required; the remaining steps are skipped. ``title`` and ``required`` are taken
    from the declared step.

    Raises:
        Cancelled: when the caller cancelled the check.
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
    """The running step, and the steps that have not begun."""

    def __init__(self, declared: tuple[CheckStep, ...], clock: Clock, who: str) -> None:
        self._waiting = {step.name: step for step in declared}
        self._running: _RunningStep | None = None
        self._clock = clock
        self._who = who

    def begin(self, name: str) -> Iterator[StepResult]:
        if name not in self._waiting:
            raise PluginError(
                f"{self._who} violated the contract: the step “{name}” was not declared or had "
                "already begun."
            )
        yield from self._end()
        self._start(name)

    def note(self, note: CheckNote) -> None:
        if self._running is None:
            raise PluginError(f"{self._who} violated the contract: a note preceded the first step.")
        self._running.details += filter(None, [note.detail])
        self._running.problem = note.problem or self._running.problem

    def finish(self) -> Iterator[StepResult]:
        yield from self._end()
        for step in self._waiting.values():
            if step.required:
                self._start(step.name)
                raise PluginError(
                    f"{self._who} violated the contract: the required step “{step.name}” never "
                    "began."
                )

    def fail(self, problem: Problem) -> Iterator[StepResult]:
        if self._running is None:  # No step has begun: the last one would still be running.
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
