"""Checks of credentials: the steps that a source declares, and their results."""

from __future__ import annotations

from typing import Literal

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import Problem


class CheckStep(Frozen):
    """One step of a check of credentials.

    The credentials are not saved when a ``required`` step fails. The usual names are ``reach`` and
    ``authenticate`` (required), ``list_surveys`` and ``export`` (not required; their failure is
    stored as the issue of the connection).
    """

    name: str
    title: str
    required: bool


class CheckNote(Frozen):
    """A finding of the running check step: a detail to show, or a problem as a warning."""

    detail: str = ""
    problem: Problem | None = None


class StepResult(Frozen):
    """The result of one check step, with its duration in seconds."""

    name: str
    title: str
    required: bool
    status: Literal["passed", "warning", "failed", "skipped"]
    detail: str = ""
    problem: Problem | None = None
    seconds: float = 0.0


class CheckReport(Frozen):
    """The results of all steps of a check."""

    steps: tuple[StepResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every required step passed; a warning counts as passed."""
        required = [step for step in self.steps if step.required]
        return bool(required) and all(s.status in {"passed", "warning"} for s in required)

    @property
    def problem(self) -> Problem | None:
        """The problem of the first required step that failed, else of the first step with one."""
        problems = [step for step in self.steps if step.problem is not None]
        problems.sort(key=lambda step: not (step.required and step.status == "failed"))
        return problems[0].problem if problems else None
