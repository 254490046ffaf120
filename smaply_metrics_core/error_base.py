"""The base class of all errors; ``errors`` has the tree."""

from __future__ import annotations

from typing import Any, ClassVar

from smaply_metrics_core.models.problem import Audience, Blame, FieldProblem, Issue, Problem


class MetricsError(Exception):
    """Base class of all errors of this framework.

    Args:
        message: What happened, as one sentence for people, without internals or secrets.
        remedy: What to do, as one sentence for people.
        code: The survey tool's own error code, if it sent one.
        request_id: The survey tool's id of the failed request, which its support needs.
        issue: Overrides the issue of the class.
        audience: Overrides who can act on the remedy.
        summary: Overrides what readers get who cannot act on the remedy, without details.
        fields: The form fields that are not valid, each with a suggestion if one is known.

    ``issue`` is ``None`` for invalid input and for bugs of plugins. Errors can be pickled.

    Attributes:
        process_only: Whether the cause is this process: it lacks a key, a package or a permission
            that other processes of the fleet may have. A refresh that fails with such an error is
            not an attempt.
        excerpt: What respondents wrote at the place of the error, for the person who is uploading
            the file. It is no part of the problem, which is stored, logged and shown to others.
    """

    kind: ClassVar[str] = "error"
    blame: ClassVar[Blame] = Blame.CONFIGURATION
    retryable: ClassVar[bool] = False
    process_only: ClassVar[bool] = False
    issue: Issue | None = None
    audience: Audience = Audience.ADMIN
    excerpt: str | None = None
    default_remedy: ClassVar[str] = "Send the debug bundle to support."
    default_summary: ClassVar[str | None] = None

    def __init__(  # noqa: PLR0913  # All but the message are keywords.
        self,
        message: str,
        *,
        remedy: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        issue: Issue | None = None,
        audience: Audience | None = None,
        summary: str | None = None,
        fields: tuple[FieldProblem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.code = code
        self.request_id = request_id
        self.summary = summary or self.default_summary
        self.fields = fields
        if issue is not None:
            self.issue = issue
        if audience is not None:
            self.audience = audience

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, which by default loses keyword arguments."""
        return (_rebuild, (type(self), self.args, self.__dict__))

    def to_problem(self) -> Problem:
        """Return the error as data for the store, APIs and other processes."""
        return Problem(
            kind=self.kind,
            issue=self.issue,
            message=self.message,
            remedy=self.remedy,
            retryable=self.retryable,
            blame=self.blame,
            code=self.code,
            request_id=self.request_id,
            audience=self.audience,
            summary=self.summary,
            fields=self.fields,
        )


def _rebuild(cls: type[MetricsError], args: tuple[Any, ...], state: dict[str, Any]) -> MetricsError:
    error = cls.__new__(cls, *args)  # Sets ``args``.
    error.__dict__.update(state)
    return error
