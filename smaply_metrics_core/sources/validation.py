"""Validation of what sources return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from pydantic import BaseModel, TypeAdapter

from smaply_metrics_core.errors import MetricsError, RemoteError
from smaply_metrics_core.input_limits.model_validation import DataRefused, validate_data
from smaply_metrics_core.models.check import CheckNote, CheckStep
from smaply_metrics_core.models.columns import ColumnSheet
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.query import ENTERED, MetricQuery
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.exception_details import (
    CapturedException,
    ContractViolation,
    describe,
    kind_of,
    whole_characters,
)

M = TypeVar("M", bound=BaseModel)

LONGEST_PROPOSAL: Final = 200_000
"""The maximum number of characters of a proposed value."""
_NUMBERS: Final = {int, float, bool, type(None)}
"""Types of most values of a tally, which contain no text."""


def require_type(model: type[M], given: object, what: str) -> M:
    """Return a validated copy of a model that a source returned.

    A copy, since ``model_construct`` creates invalid objects, and a subclass has code of the
    source.

    Raises:
        ContractViolation: when it is another type or not valid.
    """
    if not isinstance(given, model):
        _drop(given)
        raise ContractViolation(f"{what} returned {kind_of(given)} instead of {model.__name__}.")
    try:
        adapter: TypeAdapter[M] = _adapter(model)
        return validate_data(adapter, _cleaned(adapter.dump_python(given, warnings=False)))
    except DataRefused as error:
        raise ContractViolation(f"{what} returned an invalid {model.__name__}: {error}") from None


@cache
def _adapter(model: type[M]) -> TypeAdapter[M]:
    return TypeAdapter(model)


def _cleaned(data: object) -> object:
    if isinstance(data, str):
        return whole_characters(data)
    if isinstance(data, dict):
        return {
            _cleaned(key): value if type(value) in _NUMBERS else _cleaned(value)
            for key, value in data.items()
        }
    if isinstance(data, (list, tuple)):
        return tuple(map(_cleaned, data))
    return data


def destination(item: object) -> Destination:
    """Validate an item of ``destinations``."""
    return require_type(Destination, item, "destinations")


def step_or_note(item: object, redactor: Redactor) -> CheckStep | CheckNote:
    """Validate an item of ``validate_credentials``; notes are redacted."""
    if isinstance(item, CheckStep):
        step = require_type(CheckStep, item, "validate_credentials")
        check_no_secrets(redactor, "validate_credentials", step)
        return step
    if not isinstance(item, CheckNote):
        raise ContractViolation(
            f"validate_credentials returned {kind_of(item)} instead of CheckStep or CheckNote."
        )
    note = require_type(CheckNote, item, "validate_credentials")
    problem = note.problem and redactor.redact_problem(note.problem)
    return CheckNote(detail=redactor.redact_line(note.detail), problem=problem)


class Surveys:
    """Validates the items of ``list_surveys``: each with an id, only once, and not too many.

    Repeated surveys are the fault of the source. Too many different ones come from the survey
    tool.
    """

    def __init__(self, most: int) -> None:
        self._seen: set[str] = set()
        self._most = most

    def __call__(self, item: object) -> Survey:
        """Validate a survey."""
        survey = require_type(Survey, item, "list_surveys")
        if not survey.id:
            raise ContractViolation("list_surveys returned a survey without an ID.")
        if survey.id in self._seen:
            raise ContractViolation(f"list_surveys returned the survey {survey.id} twice.")
        if len(self._seen) == self._most:
            raise RemoteError(
                f"The survey tool listed more than {self._most:,} surveys.",
                remedy="Use an API token of a user with access to fewer surveys.",
            )
        self._seen.add(survey.id)
        return survey


def questionnaire(given: object, survey_id: str, redactor: Redactor) -> Questionnaire:
    """Validate the result of ``list_questions``: the requested survey, each question once."""
    found = require_type(Questionnaire, given, "list_questions")
    if found.survey.id != survey_id:
        raise ContractViolation(
            f"list_questions returned the survey {found.survey.id} instead of {survey_id}."
        )
    seen: set[str] = set()
    for question in found.walk():
        if not question.id:
            raise ContractViolation("list_questions returned a question without an ID.")
        if question.id in seen:
            raise ContractViolation(f"list_questions returned the question {question.id} twice.")
        seen.add(question.id)
    check_no_secrets(redactor, "list_questions", found)
    return found


def column_sheet(given: object, redactor: Redactor) -> ColumnSheet:
    """Validate the result of ``edit_columns``: without a secret, its text of limited length."""
    found = require_type(ColumnSheet, given, "edit_columns")
    _check_length("edit_columns", found.value)
    check_no_secrets(redactor, "edit_columns", found)
    return found


def _check_length(hook: str, text: str) -> None:
    if len(text) > LONGEST_PROPOSAL:
        raise ContractViolation(
            f"{hook} returned a text of more than {LONGEST_PROPOSAL:,} characters."
        )


def proposed_value(given: object, redactor: Redactor) -> str:
    """Validate the result of ``propose_value``: a text without a secret, of limited length."""
    if type(given) is not str:
        _drop(given)
        raise ContractViolation(f"propose_value returned {kind_of(given)} instead of a text.")
    _check_length("propose_value", given)
    text = whole_characters(given)
    if redactor.contains_secret(text):
        raise ContractViolation("a text of propose_value contained a secret.")
    return text


@dataclass(frozen=True)
class TallyAnswer:
    """A yielded item that answers a query: its tally or its error."""

    query_id: str
    result: Tally | CapturedException


@dataclass(frozen=True)
class StrayAnswer:
    """A yielded item that belongs to no query."""

    fault: str


def answer(
    item: object,
    requested: Mapping[str, MetricQuery],
    redactor: Redactor,
    hook: str = "fetch_metric",
) -> TallyAnswer | StrayAnswer:
    """Validate an item of ``fetch_metric``, or of another hook that answers queries.

    An invalid answer is the error of its query and does not affect other queries.
    """
    if not (isinstance(item, tuple) and len(item) == 2):  # noqa: PLR2004  # A pair.
        return StrayAnswer(f"{hook} returned {kind_of(item)} instead of a pair.")
    query_id, value = item
    if type(query_id) is not str or query_id not in requested:
        shown = query_id if type(query_id) is str else kind_of(query_id)
        return StrayAnswer(f"{hook} answered “{shown}”, which is not a query of the call.")
    if isinstance(value, MetricsError):
        return TallyAnswer(query_id, describe(value, redactor))
    try:
        tally = require_type(Tally, value, f"{hook}, for the query “{query_id}”,")
        _check_windows(requested[query_id], tally, hook)
        _check_weights(requested[query_id], tally, hook)
        _check_entered(requested[query_id], tally, hook)
        check_no_secrets(redactor, hook, tally)
    except Exception as error:  # noqa: BLE001  # Any error fails only this query.
        return TallyAnswer(query_id, describe(error, redactor))
    return TallyAnswer(query_id, tally)


def _check_windows(query: MetricQuery, tally: Tally, hook: str) -> None:
    expected = sorted({window.name for window in query.windows})
    given = sorted({window.window for window in tally.windows})
    if given != expected:
        raise ContractViolation(
            f"{hook} answered the query “{query.id}” for the windows {', '.join(given)} instead of "
            f"{', '.join(expected)}."
        )


def _check_weights(query: MetricQuery, tally: Tally, hook: str) -> None:
    weight = query.definition.weight
    for window in tally.windows:
        for counts in window.every_count():
            if weight is not None and counts.weights is None:
                raise ContractViolation(
                    f"{hook} answered the query “{query.id}” without the weights {weight}. Set "
                    "Counts.weights, or leave Questionnaire.can_weight False."
                )
            if weight is None and counts.weights is not None:
                raise ContractViolation(
                    f"{hook} answered the query “{query.id}” with weights, but it has none."
                )


def _check_entered(query: MetricQuery, tally: Tally, hook: str) -> None:
    entered = query.definition.calculation in ENTERED
    for window in tally.windows:
        for counts in window.every_count():
            if counts.entered is not None and not entered:
                raise ContractViolation(
                    f"{hook} answered the query “{query.id}” with an entered value, but it asks "
                    f"for {query.definition.calculation}."
                )
            if entered and counts.entered is None and counts.responses:
                raise ContractViolation(
                    f"{hook} answered the query “{query.id}” with responses instead of an entered "
                    "value. Set Counts.entered."
                )


def check_no_secrets(redactor: Redactor, hook: str, *given: BaseModel) -> None:
    """Check that no text contains a secret: ids, names, labels, keys and notes.

    Raises:
        ContractViolation: when a text contains a secret; the message does not repeat it.
    """
    if redactor.contains_secret(*_texts(given)):
        raise ContractViolation(f"a text of {hook} contained a secret.")


def _texts(given: object) -> list[str]:
    # Not from JSON, in which secrets are escaped and next to our own names.
    texts: list[str] = []
    left = [given]
    while left:
        one = left.pop()
        if type(one) is str:
            texts.append(one)
        elif isinstance(one, BaseModel):
            left += vars(one).values()
        elif isinstance(one, tuple):
            left += one
        elif type(one) not in _NUMBERS and isinstance(one, Mapping):
            left += one.keys()
            left += one.values()
    return texts


def parsed(given: Credentials, model: type[Credentials]) -> Credentials:
    """Validate parsed credentials, since a validator of the model may return any object."""
    if type(given) is not model:
        raise ContractViolation(f"validating its credentials model returned {kind_of(given)}.")
    return given


def nothing(given: object, what: str) -> None:
    """Check that a hook returned nothing; a generator would not even have run."""
    if given is not None:
        _drop(given)
        raise ContractViolation(f"{what} returned {kind_of(given)} instead of None.")


def _drop(given: object) -> None:
    close = getattr(given, "close", None)
    if callable(close):
        close()  # Python warns of a coroutine that is never awaited.
