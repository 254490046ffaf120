"""Exceptions of sources as plain data, without references to the source's objects."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime

from smaply_metrics_core import errors
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Audience, FieldProblem, Issue
from smaply_metrics_core.redaction import Redactor

_MOST_TRACE = 20_000
LONGEST_TEXT = 100_000
"""Longer texts of errors are not kept: they may repeat what a survey tool sent, and are redacted,
stored and shown. A part of one could contain a part of a secret."""


class ContractViolation(Exception):
    """A source returned something that the contract does not allow."""


@dataclass(frozen=True)
class CapturedException:
    """An exception as plain data, with all secrets redacted.

    Attributes:
        kind: The name of the class.
        text: The message as one line; empty if there is none or ``__str__`` failed.
        trace: The traceback as text.
        error: A copy, if it is a ``MetricsError``.
        contract: Whether it is a ``ContractViolation``.
    """

    kind: str
    text: str
    trace: str
    error: MetricsError | None = None
    contract: bool = False


def whole_characters(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced, which databases do not accept."""
    text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def kind_of(thing: object) -> str:
    """Return the name of an object's class."""
    return type(thing).__name__


def describe(error: BaseException, redactor: Redactor) -> CapturedException:
    """Return an exception as plain data.

    Called on the source's thread, since ``__str__`` may run its code. The result has no reference
    to the exception, its causes and its traceback, whose frames contain credentials.

    An error that repeats a secret keeps its class: the survey tool may have sent the secret back.
    """
    copy = copy_exception(error) if isinstance(error, MetricsError) else None
    if copy is not None:
        redactor.redact_error(copy)
    return CapturedException(
        kind=redactor.redact(kind_of(error)),
        text=redactor.redact_line(_text(error)),
        trace=redactor.redact(_trace(error)),
        error=copy,
        contract=isinstance(error, ContractViolation),
    )


def _text(error: BaseException) -> str:
    try:
        return bounded(whole_characters(str(error)))
    except BaseException:  # noqa: BLE001  # __str__ is code of the source.
        return ""


def _trace(error: BaseException) -> str:
    try:
        return whole_characters("".join(traceback.format_exception(error))[-_MOST_TRACE:])
    except BaseException:  # noqa: BLE001  # As above.
        return ""


def copy_exception(error: MetricsError) -> MetricsError | None:
    """Return a copy of an error, or ``None`` if its attributes have unexpected types.

    A source's own subclass becomes the nearest class of ``errors``.
    """
    known = next(
        one
        for one in type(error).__mro__
        if issubclass(one, MetricsError) and vars(errors).get(one.__name__) is one
    )
    try:
        given = vars(error)
        parts = {
            "message": _known(given["message"], str),
            "remedy": _known(given["remedy"], str),
            "code": _known(given["code"], str, type(None)),
            "request_id": _known(given["request_id"], str, type(None)),
            "summary": _known(given["summary"], str, type(None)),
            "fields": (),
        }
        if given.get("audience") is not None:
            parts["audience"] = Audience(given["audience"])
        if given.get("issue") is not None:
            parts["issue"] = Issue(given["issue"])
        if issubclass(known, errors.RateLimited):
            parts["retry_at"] = _known(given["retry_at"], datetime, type(None))
            if given["retry_at"] is not None and given["retry_at"].tzinfo is None:
                return None  # It cannot be compared with other times.
            parts["whole_server"] = _known(given["whole_server"], bool)
        if given["fields"]:
            parts["fields"] = tuple(_field(field) for field in given["fields"])
        copy: MetricsError = known.__new__(known, parts["message"])
        copy.args = (parts["message"],)
        vars(copy).update(parts)
        copy.to_problem()  # Fails for classes with further attributes; sources do not need those.
    except Exception:  # noqa: BLE001  # The attributes are objects of the source.
        return None
    return copy


def _known(value: object, *types: type) -> object:
    if type(value) not in types:
        raise TypeError
    return bounded(whole_characters(value)) if isinstance(value, str) else value


def bounded(text: str) -> str:
    """Return the text, or its length if it is too long to be searched for secrets."""
    return text if len(text) <= LONGEST_TEXT else f"(a text of {len(text):,} characters)"


def _field(field: FieldProblem) -> FieldProblem:
    return FieldProblem.model_validate(
        {name: _known(getattr(field, name), str, type(None)) for name in FieldProblem.model_fields}
    )
