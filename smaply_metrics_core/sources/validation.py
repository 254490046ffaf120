"""What a source returned, made into plain models of ours or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.check import CheckNote, CheckStep
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.exception_details import (
    CapturedException,
    ContractViolation,
    describe,
    kind_of,
    problem_texts,
    whole_characters,
)

M = TypeVar("M", bound=BaseModel)


def require_type(model: type[M], given: object, what: str) -> M:
    """Check that a source gave this model, and rebuild it.

    Rebuilt, since ``model_construct`` makes objects that break every rule of their model, and a
    subclass brings the source's code along.

    Raises:
        ContractViolation: when it is something else, or breaks a rule.
    """
    if not isinstance(given, model):
        _drop(given)
        raise ContractViolation(f"{what} gave {kind_of(given)} in place of {model.__name__}.")
    try:
        return model.model_validate(_mended(_adapter(model).dump_python(given, warnings=False)))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ContractViolation(
            f"{what} gave a {model.__name__} that does not fit: {where}: {first['msg']}"
        ) from None


@cache
def _adapter(model: type[M]) -> TypeAdapter[M]:
    return TypeAdapter(model)


def _mended(data: object) -> object:
    if isinstance(data, str):
        return whole_characters(data)
    if isinstance(data, dict):
        return {_mended(key): _mended(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return tuple(map(_mended, data))
    return data


def destination(item: object) -> Destination:
    """Accept one destination."""
    return require_type(Destination, item, "destinations")


def step_or_note(item: object, redactor: Redactor) -> CheckStep | CheckNote:
    """Accept what ``validate_credentials`` yields; secrets are taken out of a note's texts."""
    if isinstance(item, CheckStep):
        step = require_type(CheckStep, item, "validate_credentials")
        check_silent(redactor, "validate_credentials", step)
        return step
    if not isinstance(item, CheckNote):
        raise ContractViolation(
            f"validate_credentials gave {kind_of(item)} in place of a CheckStep or CheckNote."
        )
    note = require_type(CheckNote, item, "validate_credentials")
    problem = note.problem
    if problem is not None:
        _refuse_told(redactor, "a problem of validate_credentials", problem_texts(problem))
    return CheckNote(detail=redactor.redact_line(note.detail), problem=problem)


class Surveys:
    """Accepts the surveys of one list: each once, with an id and a name."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, item: object) -> Survey:
        """Accept one survey."""
        survey = require_type(Survey, item, "list_surveys")
        if not survey.id:
            raise ContractViolation("list_surveys gave a survey without an id.")
        if survey.id in self._seen:
            raise ContractViolation(f"list_surveys gave the survey {survey.id} twice.")
        self._seen.add(survey.id)
        return survey


def questionnaire(given: object, survey_id: str, redactor: Redactor) -> Questionnaire:
    """Accept the description of a survey: of the one asked for, each question once."""
    found = require_type(Questionnaire, given, "list_questions")
    if found.survey.id != survey_id:
        raise ContractViolation(
            f"list_questions described the survey {found.survey.id}, not {survey_id}."
        )
    seen: set[str] = set()
    for question in found.walk():
        if not question.id:
            raise ContractViolation("list_questions gave a question without an id.")
        if question.id in seen:
            raise ContractViolation(f"list_questions gave the question {question.id} twice.")
        seen.add(question.id)
    check_silent(redactor, "list_questions", found)
    return found


@dataclass(frozen=True)
class TallyAnswer:
    """An item that a hook yielded for a query: its tally, or what went wrong."""

    query_id: str
    result: Tally | CapturedException


@dataclass(frozen=True)
class StrayAnswer:
    """An item that a hook yielded and that belongs to no query."""

    fault: str


def answer(
    item: object, asked: Mapping[str, MetricQuery], redactor: Redactor, hook: str = "fetch_metric"
) -> TallyAnswer | StrayAnswer:
    """Accept one item of ``fetch_metric``, or of another hook that answers queries.

    What is wrong with one answer is that query's failure and leaves its siblings alone.
    """
    if not (isinstance(item, tuple) and len(item) == 2):  # noqa: PLR2004  # A pair.
        return StrayAnswer(f"{hook} gave {kind_of(item)} in place of a pair.")
    query_id, value = item
    if type(query_id) is not str or query_id not in asked:
        shown = query_id if type(query_id) is str else kind_of(query_id)
        return StrayAnswer(f"{hook} answered “{shown}”, which nobody asked.")
    if isinstance(value, MetricsError):
        return TallyAnswer(query_id, describe(value))
    try:
        tally = require_type(Tally, value, f"{hook}, for the query “{query_id}”,")
        _check_windows(asked[query_id], tally, hook)
        check_silent(redactor, hook, tally)
    except Exception as error:  # noqa: BLE001  # Whatever it is, it is this query's alone.
        return TallyAnswer(query_id, describe(error))
    return TallyAnswer(query_id, tally)


def _check_windows(query: MetricQuery, tally: Tally, hook: str) -> None:
    wanted = sorted({window.name for window in query.windows})
    given = sorted({window.window for window in tally.windows})
    if given != wanted:
        raise ContractViolation(
            f"{hook} answered the query “{query.id}” for the windows {', '.join(given)}, "
            f"not for {', '.join(wanted)}."
        )


def check_silent(redactor: Redactor, hook: str, *given: BaseModel) -> None:
    """Check that no text of what a hook gave holds a secret: ids, names, labels, keys and notes.

    Raises:
        ContractViolation: when one does; it does not repeat it.
    """
    _refuse_told(redactor, f"a text of {hook}", _texts(given))


def _texts(given: object) -> Iterator[str]:
    # Not the JSON of it: there, a secret is escaped and stands beside names that are ours.
    if type(given) is str:
        yield given
    elif isinstance(given, BaseModel):
        yield from _texts(tuple(vars(given).values()))
    elif isinstance(given, Mapping):
        yield from _texts(tuple(given.items()))
    elif isinstance(given, tuple):
        for item in given:
            yield from _texts(item)


def _refuse_told(redactor: Redactor, what: str, texts: Iterable[str]) -> None:
    if redactor.contains_secret(*texts):
        raise ContractViolation(f"{what} held a secret.")


def parsed(given: Credentials, model: type[Credentials]) -> Credentials:
    """Accept credentials: a validator of the model may give anything at all."""
    if type(given) is not model:
        raise ContractViolation(f"its credentials model made {kind_of(given)} of what was entered.")
    return given


def nothing(given: object, what: str) -> None:
    """Accept that a hook gave nothing: a generator would not have run at all."""
    if given is not None:
        _drop(given)
        raise ContractViolation(f"{what} gave {kind_of(given)}, but has nothing to give.")


def _drop(given: object) -> None:
    close = getattr(given, "close", None)
    if callable(close):
        close()  # A coroutine that nobody awaits complains when it is thrown away.
