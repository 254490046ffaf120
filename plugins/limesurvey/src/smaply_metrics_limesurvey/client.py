"""The functions of RemoteControl 2 that the source uses, with checked results."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from smaply_metrics_core import ExportFailed, ResultsUnavailable, SourceUnavailable, parse_json
from smaply_metrics_limesurvey.rpc import refusals
from smaply_metrics_limesurvey.rpc.json_rpc import LARGEST_EXPORT
from smaply_metrics_limesurvey.rpc.refusals import NothingFound
from smaply_metrics_limesurvey.rpc.session import LoginSession
from smaply_metrics_limesurvey.survey.columns import as_int

JsonObject = Mapping[str, Any]

PROPERTIES: Final = (
    *("title", "type", "question", "other", "mandatory", "question_order", "subquestions"),
    *("answeroptions", "answeroptions_multiscale", "attributes", "attributes_lang"),
)
"""All that describes a question. ``question`` is one only in older versions."""

MOST_VALUES: Final = 8_000_000
"""The maximum number of values in a page, four times that of the widest one: the characters that
separate values are counted in texts as well."""

_SURVEY_ID: Final = re.compile(r"[1-9][0-9]{0,9}")
"""With a leading zero, the id would be read as that of another survey."""


class Summary(NamedTuple):
    """The number of responses that a survey has."""

    all: int
    complete: int


class DefinitionSource(Protocol):
    """What describes a survey: a server, or a debug bundle."""

    def survey(self, survey_id: str) -> JsonObject:
        """Return the entry of a survey in the list."""
        ...

    def questions(self, survey_id: str) -> Sequence[JsonObject]:
        """Return the questions and sub-questions of a survey in order."""
        ...

    def field_map(self, survey_id: str) -> Mapping[str, JsonObject]:
        """Return the columns of a survey in the order of an export, by their internal names."""
        ...

    def properties(self, question: int) -> JsonObject:
        """Return the answer options and attributes of a question."""
        ...


class ResponseSource(Protocol):
    """The responses of a survey: on a server, or in a debug bundle."""

    def summary(self, survey_id: str) -> Summary:
        """Return the number of responses."""
        ...

    def export(
        self, survey_id: str, columns: Sequence[str], first: int, last: int | None
    ) -> list[JsonObject]:
        """Return the responses with ids from ``first`` to ``last``, by the codes of questions."""
        ...


class SurveySource(DefinitionSource, ResponseSource, Protocol):
    """What counting needs."""


class LimeSurveyClient:
    """The functions of one server, in one session."""

    def __init__(self, session: LoginSession) -> None:
        self._session = session

    def surveys(self) -> list[JsonObject]:
        """Return every survey that the user may see."""
        try:
            found = _objects(self._session.call(refusals.SURVEYS), "surveys")
        except NothingFound:
            return []
        if not all(_SURVEY_ID.fullmatch(str(one.get("sid"))) for one in found):
            raise SourceUnavailable("LimeSurvey did not return the IDs of all surveys.")
        return found

    def survey(self, survey_id: str) -> JsonObject:
        """Return the entry of a survey in the list; if it is not listed, one without a title.

        Raises:
            SurveyUnavailable: if it is not the id of a survey.
        """
        if not _SURVEY_ID.fullmatch(survey_id):
            raise refusals.no_such_survey()
        entries = (one for one in self.surveys() if str(one.get("sid")) == survey_id)
        return next(entries, {"sid": survey_id})

    def questions(self, survey_id: str) -> list[JsonObject]:
        """Return the questions and sub-questions of a survey, in the base language and in order.

        Raises:
            SurveyUnavailable: if the user may not read them.
        """
        try:
            found = _objects(self._session.call("list_questions", int(survey_id)), "questions")
        except NothingFound:
            return []
        if not all(as_int(one.get("qid")) > 0 and one.get("title") for one in found):
            raise SourceUnavailable("LimeSurvey did not return the codes of all questions.")
        return found

    def field_map(self, survey_id: str) -> dict[str, JsonObject]:
        """Return the columns of a survey in the order of an export, by their internal names.

        Raises:
            SurveyUnavailable: if the user may not read them.
        """
        found = self._session.call("get_fieldmap", int(survey_id))
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            raise SourceUnavailable("LimeSurvey did not return the columns of the survey.")
        return found

    def properties(self, question: int) -> JsonObject:
        """Return the answer options and attributes of a question."""
        found = self._session.call("get_question_properties", question, [*PROPERTIES])
        if not isinstance(found, dict):
            raise SourceUnavailable("LimeSurvey did not return the properties of a question.")
        return found

    def summary(self, survey_id: str) -> Summary:
        """Return the number of responses.

        Raises:
            ResultsUnavailable: if the survey is not active.
        """
        found = self._session.call("get_summary", int(survey_id), "all")
        if found == []:  # What an inactive survey returns.
            raise refusals.not_active()
        try:
            # "full" responses are all, also those that are not complete.
            return Summary(int(found["full_responses"]), int(found["completed_responses"]))
        except (KeyError, TypeError, ValueError):
            raise SourceUnavailable("LimeSurvey did not return the number of responses.") from None

    def export(
        self, survey_id: str, columns: Sequence[str], first: int, last: int | None
    ) -> list[JsonObject]:
        """Return the responses with ids from ``first`` to ``last``, by the codes of questions.

        Args:
            survey_id: The survey.
            columns: The internal names of the columns. LimeSurvey answers a name that does not
                exist with null for every response.
            first: The first id.
            last: The last id; ``None`` for all that follow.

        Raises:
            ResultsUnavailable: if the user may not export them.
            ExportFailed: if the answer is damaged.
        """
        span = ("json", None, "all", "code", "short", first, last, [*columns])
        try:
            payload = self._session.call(refusals.EXPORT, int(survey_id), *span)
        except NothingFound:
            return []
        try:
            content = base64.b64decode(payload, validate=True)
            found = parse_json(content, most_bytes=LARGEST_EXPORT, most_values=MOST_VALUES)
            responses = found["responses"]
        except (binascii.Error, KeyError, TypeError, ValueError):
            raise ExportFailed("LimeSurvey sent damaged responses.") from None
        return _objects(responses, "responses")


def may_export(api: LimeSurveyClient, survey_id: str) -> bool:
    """Whether the user may export the responses of a survey, of which one id is requested."""
    try:
        api.export(survey_id, ["id"], 1, 1)
    except ResultsUnavailable:
        return False
    return True


def _objects(found: object, what: str) -> list[JsonObject]:
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourceUnavailable(f"LimeSurvey did not return a list of {what}.")
    return found
