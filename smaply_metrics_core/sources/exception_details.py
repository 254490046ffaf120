"""What went wrong inside a source, taken apart into plain data that no longer refers to it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime

from smaply_metrics_core import errors
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Audience, FieldProblem, Issue, Problem

_MOST_TRACE = 20_000


class ContractViolation(Exception):
    """What a source gave is not what its contract says; the text is ours."""


@dataclass(frozen=True)
class CapturedException:
    """An exception as plain data.

    Attributes:
        kind: The name of its class.
        text: Its own text; empty when it has none, or when making it failed as well.
        trace: The traceback as text.
        error: A copy, when it is an error of our tree.
        contract: Whether it is our own finding about what the source gave.
    """

    kind: str
    text: str
    trace: str
    error: MetricsError | None = None
    contract: bool = False


def whole_characters(text: str) -> str:
    """Return the text without halves of characters (cut-off emoji), which no store accepts."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def kind_of(thing: object) -> str:
    """Name the class of a thing."""
    return type(thing).__name__


def problem_texts(problem: Problem) -> tuple[str, ...]:
    """Return every text of a problem that people can read."""
    texts = [problem.message, problem.remedy, problem.summary, problem.code, problem.request_id]
    for field in problem.fields:
        texts += [field.name, field.message, field.suggestion]
    return tuple(text for text in texts if text)


def describe(error: BaseException) -> CapturedException:
    """Take an exception apart; runs where the source runs, since asking for a text runs its code.

    The exception, its causes and its traceback are left behind: their frames hold credentials.
    """
    return CapturedException(
        kind=kind_of(error),
        text=_text(error),
        trace=_trace(error),
        error=copy_exception(error) if isinstance(error, MetricsError) else None,
        contract=isinstance(error, ContractViolation),
    )


def _text(error: BaseException) -> str:
    try:
        return whole_characters(str(error))
    except BaseException:  # noqa: BLE001  # Its __str__ is the source's code, too.
        return ""


def _trace(error: BaseException) -> str:
    try:
        return whole_characters("".join(traceback.format_exception(error))[-_MOST_TRACE:])
    except BaseException:  # noqa: BLE001  # As above.
        return ""


def copy_exception(error: MetricsError) -> MetricsError | None:
    """Rebuild an error of our tree from its plain parts; ``None`` when they are not what they say.

    A source's own subclass becomes the nearest class of the tree.
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
        if given["fields"]:
            parts["fields"] = tuple(_field(field) for field in given["fields"])
        copy: MetricsError = known.__new__(known, parts["message"])
        copy.args = (parts["message"],)
        vars(copy).update(parts)
        copy.to_problem()  # Fails for one that needs more, which no source has any use for.
    except Exception:  # noqa: BLE001  # What stands in its attributes is the source's, too.
        return None
    return copy


def _known(value: object, *types: type) -> object:
    if type(value) not in types:
        raise TypeError
    return whole_characters(value) if isinstance(value, str) else value


def _field(field: FieldProblem) -> FieldProblem:
    return FieldProblem.model_validate(
        {name: getattr(field, name) for name in FieldProblem.model_fields}
    )
