"""The definition of a question at a refresh, and its changes between refreshes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.survey import Choice, Routing


class AnswerFormat(StrEnum):
    """How respondents answer a question."""

    OPEN = "open"
    """With a number or a text."""
    ONE_CHOICE = "one_choice"
    SEVERAL_CHOICES = "several_choices"


class QuestionDefinition(Frozen):
    """What respondents see of a question, and how its answers are counted.

    Attributes:
        text: The text of the question, after those of its headings.
        answers: How it is answered.
        choices: The choices in the order shown.
        routing: Which respondents see it, as in ``Tally.question_routing``.
        survey_modified: When the survey was last modified, at the first refresh that found this
            definition. The definition was saved by then.
    """

    text: str
    answers: AnswerFormat
    choices: tuple[Choice, ...] = ()
    routing: Routing | None = None
    survey_modified: AwareDatetime | None = None


class QuestionVersion(Frozen):
    """A definition of a question, and the refreshes that found it.

    Attributes:
        first_seen: When the data of the first refresh with this definition was read (aware).
        last_seen: The same of the last one.
    """

    definition: QuestionDefinition
    first_seen: datetime
    last_seen: datetime


class QuestionChange(Frozen):
    """A change of a question between two refreshes.

    Attributes:
        after: The last refresh that found the old definition, in the account's time zone.
        until: The first refresh that found the new one.
        saved_by: When the survey tool had stored the new one, if it is known: the last modification
            of the whole survey between the two refreshes. Respondents may have seen it later,
            because some tools publish changes separately.
        differences: What was changed, for people.
        recode: Whether only the codes or values of choices were changed. A survey tool applies
            them to all of its responses, so that the values of one refresh are comparable, but not
            with the values of earlier refreshes.
        sentence: When the question was changed and how, for people.
    """

    after: datetime
    until: datetime
    differences: tuple[str, ...]
    recode: bool
    sentence: str
    saved_by: datetime | None = None

    def may_be_in(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether the question may have been changed in a period; ``None`` is unbounded."""
        return (start is None or self.until > start) and (end is None or self.after < end)
