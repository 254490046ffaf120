"""The results of health checks, as data."""

from __future__ import annotations

from enum import StrEnum

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.base import Frozen


class HealthStatus(StrEnum):
    """The result of a health check."""

    OK = "ok"
    WARNING = "warning"
    """It works, but something needs attention."""
    FAILED = "failed"


class HealthCheck(Frozen):
    """One health check.

    Attributes:
        name: What was checked, such as ``database``.
        status: The result.
        required: Whether a process cannot work without it.
        message: What was found. It is for the operator, and may name hosts and folders.
        remedy: What to do; empty if it is ``ok``.
    """

    name: str
    status: HealthStatus
    required: bool = True
    message: str
    remedy: str = ""


class HealthReport(Frozen):
    """The results of all health checks."""

    checks: tuple[HealthCheck, ...]

    @property
    def ready(self) -> bool:
        """Whether the process can work: no required check failed."""
        return not any(one.required and one.status is HealthStatus.FAILED for one in self.checks)

    @property
    def healthy(self) -> bool:
        """Whether no check failed."""
        return not any(one.status is HealthStatus.FAILED for one in self.checks)


def passed(name: str, message: str) -> HealthCheck:
    """Return a check without a finding."""
    return HealthCheck(name=name, status=HealthStatus.OK, message=message)


def warning(name: str, message: str, remedy: str) -> HealthCheck:
    """Return a check that found something to attend to."""
    return HealthCheck(
        name=name, status=HealthStatus.WARNING, required=False, message=message, remedy=remedy
    )


def failed(name: str, message: str, remedy: str, *, required: bool = True) -> HealthCheck:
    """Return a failed check."""
    return HealthCheck(
        name=name, status=HealthStatus.FAILED, required=required, message=message, remedy=remedy
    )


def failed_with(name: str, error: MetricsError, *, required: bool = True) -> HealthCheck:
    """Return the failed check for an error."""
    return failed(name, error.message, error.remedy, required=required)
