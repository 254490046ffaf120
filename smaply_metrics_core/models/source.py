"""How a source presents itself: description, destinations, and the steps of its check."""

from __future__ import annotations

import re
from pathlib import Path  # pydantic needs it at run time.
from typing import Literal

from pydantic import PositiveInt, field_validator

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.credentials import Credentials  # pydantic.
from smaply_metrics_core.models.problem import Problem  # pydantic.


class RequestLimit(Frozen):
    """At most ``per_minute`` requests of ``method`` to paths that match ``path``.

    ``path`` is a regular expression that must match the whole path of the URL. Limits are shared
    by everything that uses one connection in a process. The first limit that matches applies.
    """

    method: str
    path: str
    per_minute: PositiveInt

    @field_validator("path")
    @classmethod
    def _compiles(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"the path is no regular expression: {error}") from None
        return path


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


class SourceDescription(Frozen):
    """What a source is and needs.

    Attributes:
        id: The entry point's name.
        title: What people call it.
        credentials: Its credentials model; secrets are ``SecretStr`` or ``Token``.
        checks: The steps that ``validate_credentials`` goes through, in order.
        documentation: Where people read how to get the credentials.
        limits: What the survey tool allows, kept by the HTTP client.
    """

    id: str
    title: str
    credentials: type[Credentials]
    checks: tuple[CheckStep, ...]
    documentation: str = ""
    limits: tuple[RequestLimit, ...] = ()


class Destination(Frozen):
    """Where credentials lead: one host, or one folder.

    ``setting`` is for a host on the loopback address over plain HTTP, as sandboxes and mock
    servers use: the name of the environment variable with which the operator allowed exactly
    this ``host:port``. Without it only HTTPS to a public host name is possible.
    """

    kind: Literal["host", "folder"]
    host: str = ""
    folder: Path | None = None
    setting: str = ""


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
