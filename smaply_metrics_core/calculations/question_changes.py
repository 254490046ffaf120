"""Changes of a question's wording, choices, codes and routing; cosmetic edits do not count."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from smaply_metrics_core.date_ranges import period_label, zone_info
from smaply_metrics_core.input_limits.html_text import html_to_text
from smaply_metrics_core.models.query import Period
from smaply_metrics_core.models.question_change import (
    AnswerFormat,
    QuestionChange,
    QuestionDefinition,
    QuestionVersion,
)
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Tally

MOST_DIFFERENCES: Final = 5
"""The maximum number of differences that are named; the others are counted."""

LONGEST_LABEL: Final = 60

MOST_TEXTS: Final = 4_096
"""The maximum number of cached texts; choices have the same ones at each refresh."""

_SAME_CHARACTER: Final = str.maketrans(
    {
        **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
        **dict.fromkeys(
            "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
            "\N{DOUBLE LOW-9 QUOTATION MARK}",
            '"',
        ),
        **dict.fromkeys("\N{EN DASH}\N{EM DASH}\N{NON-BREAKING HYPHEN}\N{HYPHEN}", "-"),
        **dict.fromkeys(
            "\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{WORD JOINER}"
        ),
    }
)
"""Quotation marks and dashes that editors replace on their own, and invisible characters."""

_FORMATS: Final = {
    AnswerFormat.OPEN: "an open answer",
    AnswerFormat.ONE_CHOICE: "one choice",
    AnswerFormat.SEVERAL_CHOICES: "several choices",
}


class Difference(NamedTuple):
    """A difference between two definitions of a question; ``recode`` as in ``QuestionChange``."""

    text: str
    recode: bool = False


class _ChoicePair(NamedTuple):
    old: int
    new: int


def definition_of(tally: Tally) -> QuestionDefinition | None:
    """Return the normalized definition of a tally's question; ``None`` if it is unknown."""
    if not tally.question_text:
        return None
    answers = AnswerFormat.ONE_CHOICE if tally.choices else AnswerFormat.OPEN
    if tally.multiple:
        answers = AnswerFormat.SEVERAL_CHOICES
    return normalized(
        QuestionDefinition(
            text=tally.question_text,
            answers=answers,
            choices=tally.choices,
            routing=tally.question_routing,
            survey_modified=tally.survey_modified,
        )
    )


def normalized(definition: QuestionDefinition) -> QuestionDefinition:
    """Return a definition without HTML, spacing and typography."""
    choices = (
        choice.model_copy(update={"label": normalized_text(choice.label)})
        for choice in definition.choices
    )
    return definition.model_copy(
        update={"text": normalized_text(definition.text), "choices": tuple(choices)}
    )


@lru_cache(maxsize=MOST_TEXTS)
def normalized_text(text: str) -> str:
    """Return a text that is equal for texts that differ only in HTML, spacing and typography.

    Letters, digits, upper and lower case, and punctuation count.
    """
    composed = unicodedata.normalize("NFKC", html_to_text(text))
    return " ".join(composed.translate(_SAME_CHARACTER).split())


def differences(old: QuestionDefinition, new: QuestionDefinition) -> tuple[Difference, ...]:
    """Return the differences between two definitions; empty for cosmetic edits."""
    old, new = normalized(old), normalized(new)
    if old == new:
        return ()
    found = [Difference("the wording changed")] if old.text != new.text else []
    if old.answers is not new.answers:
        found.append(
            Difference(f"{_FORMATS[old.answers]} became {_FORMATS[new.answers]} per respondent")
        )
    if None not in {old.routing, new.routing} and old.routing != new.routing:
        found.append(Difference("the routing (which respondents see the question) changed"))
    if AnswerFormat.OPEN not in {old.answers, new.answers}:
        found += _choice_differences(old.choices, new.choices)
    return tuple(found)


def changes_of(versions: Sequence[QuestionVersion], zone: str) -> tuple[QuestionChange, ...]:
    """Return the changes between the versions of a question, oldest first.

    Args:
        versions: The versions, oldest first.
        zone: The account's time zone, in which dates are shown.
    """
    return tuple(
        _change(old, new, found, zone)
        for old, new in pairwise(versions)
        if (found := differences(old.definition, new.definition))
    )


def _change(
    old: QuestionVersion, new: QuestionVersion, found: Sequence[Difference], zone: str
) -> QuestionChange:
    tz = zone_info(zone)
    until = new.first_seen.astimezone(tz)
    after = min(old.last_seen.astimezone(tz), until)  # The clock may have been set back.
    texts = [one.text for one in found[:MOST_DIFFERENCES]]
    if more := len(found) - len(texts):
        texts.append(f"{more} more {'difference' if more == 1 else 'differences'}")
    when = _when(after.date(), until.date())
    saved_by = _saved_by(new.definition, after, until)
    if saved_by is not None and saved_by.date() < until.date():
        when += f" (saved by {period_label(Period.DAY, saved_by.date())})"
    return QuestionChange(
        after=after,
        until=until,
        differences=tuple(texts),
        recode=all(one.recode for one in found),
        sentence=f"The question was changed {when}: {'; '.join(texts)}.",
        saved_by=saved_by,
    )


def _saved_by(new: QuestionDefinition, after: datetime, until: datetime) -> datetime | None:
    """Return when a definition was stored at the latest, if that is between two refreshes.

    Otherwise the clocks differ, or the survey tool does not date changes such as this one.
    """
    if new.survey_modified is None or not after < new.survey_modified <= until:
        return None
    return new.survey_modified.astimezone(until.tzinfo)


def _when(after: date, until: date) -> str:
    last = period_label(Period.DAY, until)
    if after == until:
        return f"on {last}"
    first = period_label(Period.DAY, after)
    if after.year == until.year:
        first = first.removesuffix(f" {after.year}")
        if after.month == until.month:
            first = str(after.day)
    return f"between {first} and {last}"


def _choice_differences(old: Sequence[Choice], new: Sequence[Choice]) -> Iterator[Difference]:
    pairs = sorted(_matched(old, new))
    for place in sorted({*range(len(old))} - {pair.old for pair in pairs}):
        yield Difference(f"the choice {_quoted(old[place].label)} was removed")
    for place in sorted({*range(len(new))} - {pair.new for pair in pairs}):
        yield Difference(f"the choice {_quoted(new[place].label)} was added")
    for pair in pairs:
        before, after = old[pair.old].label, new[pair.new].label
        if before != after:
            yield Difference(f"the choice {_quoted(before)} was renamed to {_quoted(after)}")
    if any(before.new > after.new for before, after in pairwise(pairs)):
        yield Difference("the order of the choices changed")
    for pair in pairs:
        yield from _recoded(old[pair.old], new[pair.new])


def _recoded(old: Choice, new: Choice) -> Iterator[Difference]:
    """Yield how a choice is counted differently; a changed code matters if it is not the value."""
    name = _quoted(new.label)
    if old.value != new.value:
        yield Difference(
            f"the value of {name} changed from {_value(old.value)} to {_value(new.value)}",
            recode=True,
        )
    elif old.key != new.key:
        yield Difference(
            f"the code of {name} changed from {_quoted(old.key)} to {_quoted(new.key)}", recode=True
        )
    if old.analyze != new.analyze:
        done = "included in" if new.analyze else "excluded from"
        yield Difference(f"{name} was {done} the calculation", recode=True)


def _matched(old: Sequence[Choice], new: Sequence[Choice]) -> list[_ChoicePair]:
    """Return the pairs of old and new choices that are the same one.

    Respondents know a choice by its label; its code may be that of another choice before. Only
    choices without an equal label are matched by their code, as renamed ones.
    """
    pairs: list[_ChoicePair] = []
    names: tuple[Callable[[Choice], Hashable], ...] = (
        lambda choice: (choice.label, choice.key),
        lambda choice: choice.label,
        lambda choice: choice.key,
    )
    for name in names:
        left = _positions(old, name, {pair.old for pair in pairs})
        right = _positions(new, name, {pair.new for pair in pairs})
        for shared in left.keys() & right.keys():
            places = zip(left[shared], right[shared], strict=False)
            pairs += (_ChoicePair(*place) for place in places)
    return pairs


def _positions(
    choices: Iterable[Choice], name: Callable[[Choice], Hashable], matched: set[int]
) -> dict[Hashable, list[int]]:
    """Return the positions of the choices that are not matched yet, by name."""
    found: dict[Hashable, list[int]] = {}
    for place, choice in enumerate(choices):
        if place not in matched:
            found.setdefault(name(choice), []).append(place)
    return found


def _quoted(text: str) -> str:
    short = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
    return f"“{short}”"


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
