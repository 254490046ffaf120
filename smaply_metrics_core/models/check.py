"""Checking credentials: the steps that a source declares, and how each went."""

from __future__ import annotations

from typing import Literal

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import Problem


class CheckStep(Frozen):
    """One step of checking credentials; a ``required`` one blocks saving when it fails.

    The usual names are ``reach`` and ``authenticate`` (required), ``list_surveys`` and
    ``export`` (not required: their failure is kept as the connection's issue).
    """

    name: str
    title: str
    required: bool


class CheckNote(Frozen):
    """What a running check step found: a detail to show, or a problem that is only a warning."""

    detail: str = ""
    problem: Problem | None = None


class StepResult(Frozen):
    """How one check step went, and how long it took in seconds."""

    name: str
    title: str
    required: bool
    status: Literal["passed", "warning", "failed", "skipped"]
    detail: str = ""
    problem: Problem | None = None
    seconds: float = 0.0


class CheckReport(Frozen):
    """All steps of one check."""

    steps: tuple[StepResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every required step passed (a warning is no failure)."""
        required = [step for step in self.steps if step.required]
        return bool(required) and all(s.status in {"passed", "warning"} for s in required)

    @property
    def problem(self) -> Problem | None:
        """The problem to show: of the first required step that failed, else of any step."""
        troubled = [step for step in self.steps if step.problem is not None]
        troubled.sort(key=lambda step: not (step.required and step.status == "failed"))
        return troubled[0].problem if troubled else None
