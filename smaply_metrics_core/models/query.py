"""What a metric asks: calculation, group by, filters, date range, and the query made of them."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, Literal, Self

from pydantic import field_validator, model_validator

from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.base import Frozen


class MetricType(StrEnum):
    """Number: one value. Series: one for each group. Comparison: now against before."""

    NUMBER = "number"
    SERIES = "series"
    COMPARISON = "comparison"


class Calculation(StrEnum):
    """The calculations; ``calculations.CALCULATIONS`` defines each."""

    RESPONSES = "responses"
    ANSWERED = "answered"
    AVERAGE = "average"
    MEDIAN = "median"
    SUM = "sum"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    NPS = "nps"
    TOP_BOX = "top_box"
    TOP_2_BOX = "top_2_box"
    BOTTOM_2_BOX = "bottom_2_box"
    SHARE = "share"
    DISTRIBUTION = "distribution"


class Period(StrEnum):
    """Calendar periods of the account's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class ExclusionReason(StrEnum):
    """Why a response is left out by default; a metric may include each kind again."""

    UNFINISHED = "unfinished"
    PREVIEW = "preview"
    TEST = "test"
    SPAM = "spam"


class GroupBy(Frozen):
    """What a Series is split by.

    ``kind`` is ``answer`` (the question's own answers), ``question`` (``of`` names it), ``field``
    (``of`` names an embedded field) or ``period`` (``of`` is a ``Period``).
    """

    kind: Literal["answer", "question", "field", "period"]
    of: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "answer" and self.of:
            raise ValueError("group by answer names nothing further")
        if self.kind in {"question", "field"} and not self.of:
            raise ValueError(f"group by {self.kind} needs its id, as in {self.kind}:ID")
        if self.kind == "period" and self.of not in set(Period):
            raise ValueError(f"period is one of {', '.join(Period)}")
        return self

    @classmethod
    def parse(cls, text: str) -> GroupBy:
        """Read ``answer``, ``question:ID``, ``field:NAME`` or ``period:month``.

        Raises:
            QueryInvalid: for anything else, naming the forms.
        """
        kind, _, of = text.strip().partition(":")
        try:
            return cls(kind=kind, of=of)  # type: ignore[arg-type]  # Checked by the model.
        except ValueError:
            raise QueryInvalid(
                f"“{text}” is no group by.",
                remedy="Use answer, question:ID, field:NAME, or period: with one of "
                f"{', '.join(Period)}.",
            ) from None

    def __str__(self) -> str:
        return f"{self.kind}:{self.of}" if self.of else self.kind


class Filter(Frozen):
    """Keep (or with ``exclude``: drop) responses whose answer is one of ``values``.

    ``kind`` and ``of`` name a question or an embedded field, as in ``GroupBy``. A response
    without that answer is dropped by an including filter and kept by an excluding one.
    """

    kind: Literal["question", "field"]
    of: str
    values: tuple[str, ...]
    exclude: bool = False


PRESETS = (
    "all_time",
    "last_7_days",
    "last_28_days",
    "last_90_days",
    "last_365_days",
    "this_week",
    "last_week",
    "this_month",
    "last_month",
    "this_quarter",
    "last_quarter",
    "this_year",
    "last_year",
)
"""Names of the ranges that move with the calendar; ``date_ranges`` resolves them."""


YEARS: Final = range(1900, 2200)
"""Years that dates are believed of: any other one is a slip, in a range or in a response."""


class DateRange(Frozen):
    """Which days count, in the account's zone: a preset, or from ``start`` to before ``end``."""

    preset: str = "all_time"
    start: date | None = None
    end: date | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.preset == "custom":
            if self.start is None and self.end is None:
                raise ValueError("a custom range needs a first day, an end, or both")
            if any(day.year not in YEARS for day in (self.start, self.end) if day is not None):
                raise ValueError(f"the dates lie in the years {YEARS[0]} to {YEARS[-1]}")
            if self.start is not None and self.end is not None and self.start >= self.end:
                raise ValueError("the range ends before it begins: the end day is not included")
        elif self.preset not in PRESETS:
            raise ValueError(f"the range is one of {', '.join(PRESETS)}")
        elif self.start or self.end:
            raise ValueError("give a named range or dates, not both")
        return self


class Window(Frozen):
    """A resolved, half-open span of time: ``start`` counts, ``end`` does not; aware instants.

    Instants in another zone are taken over to UTC. ``None`` leaves a side open.
    """

    name: Literal["current", "previous"] = "current"
    start: datetime | None = None
    end: datetime | None = None

    @field_validator("start", "end")
    @classmethod
    def _in_utc(cls, instant: datetime | None) -> datetime | None:
        if instant is None:
            return None
        if instant.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return instant.astimezone(UTC)


class Definition(Frozen):
    """What a metric measures: everything that decides its value, and nothing else.

    Attributes:
        question_id: A question or sub-question; ``None`` counts responses.
        answers: The answer keys that ``share`` counts.
        include: Kinds of responses that are left out by default and count here.
        reverse_scale: For surveys that run 1 = best: boxes count from the other end.
    """

    type: MetricType = MetricType.NUMBER
    survey_id: str
    question_id: str | None = None
    calculation: Calculation
    answers: tuple[str, ...] = ()
    group_by: GroupBy | None = None
    range: DateRange = DateRange()
    filters: tuple[Filter, ...] = ()
    include: frozenset[ExclusionReason] = frozenset()
    reverse_scale: bool = False

    def named_questions(self) -> tuple[tuple[str, str], ...]:
        """Return each question that it names: the part that names it, and the question's id.

        The part is ``question_id``, ``group_by`` or ``filters``.
        """
        named = [("question_id", self.question_id)] if self.question_id is not None else []
        if self.group_by is not None and self.group_by.kind == "question":
            named.append(("group_by", self.group_by.of))
        named += [("filters", wanted.of) for wanted in self.filters if wanted.kind == "question"]
        return tuple(named)

    def fingerprint(self, *, zone: str, week_start: int) -> str:
        """Identify the value this gives, in an account with this zone and first day of the week.

        A stored value is shown only for the fingerprint it was made for.
        """
        parts = self.model_dump(mode="json")
        parts["include"] = sorted(self.include)
        text = repr((sorted(parts.items(), key=lambda item: item[0]), zone, week_start))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class MetricQuery(Frozen):
    """One question put to a source: a definition with its range resolved to instants.

    Attributes:
        id: Returned with the tally; unique within one call.
        windows: ``current``, and ``previous`` for a Comparison.
        zone: IANA name; calendar periods are of this zone.
        week_start: First day of the week, ISO: 1 = Monday … 7 = Sunday.
    """

    id: str
    definition: Definition
    windows: tuple[Window, ...] = (Window(),)
    zone: str = "UTC"
    week_start: int = 1


_FILTER: Final = re.compile(r"(?:(question|field):(.+?)|([^:=]+))=(.*)", re.DOTALL)


def parse_filter(text: str, *, exclude: bool) -> Filter:
    """Read ``NAME=VALUE`` or ``field:NAME=VALUE`` of an embedded field, or ``question:ID=KEY``.

    Several values are separated by ``|``. A field whose name holds a colon needs ``field:``.

    Raises:
        QueryInvalid: for anything else, naming the forms.
    """
    match = _FILTER.fullmatch(text.strip())
    kind, of, field, values = match.groups() if match else ("", "", "", "")
    name = (of or field or "").strip()
    if not name:
        raise QueryInvalid(
            f"“{text}” is no filter.",
            remedy="Use FIELD=VALUE for an embedded field, or question:ID=KEY; field:NAME=VALUE "
            "where the name holds a colon.",
        )
    wanted = tuple(value.strip() for value in values.split("|"))
    if not all(wanted):
        raise QueryInvalid(
            f"“{text}” names no value.",
            remedy="Write the value after the equals sign; put | between several, as in "
            f"{name}=A|B.",
        )
    return Filter.model_validate(
        {"kind": kind or "field", "of": name, "values": wanted, "exclude": exclude}
    )
