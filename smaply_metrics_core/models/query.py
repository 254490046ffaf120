"""The definition of a metric: calculation, group-by, filters, date range; and its query."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.entered import EnteredModel


class MetricType(StrEnum):
    """Number: one value. Series: one value per group. Comparison: current and previous value."""

    NUMBER = "number"
    SERIES = "series"
    COMPARISON = "comparison"


class Calculation(StrEnum):
    """The calculations, defined in ``calculations.CALCULATIONS``."""

    RESPONSES = "responses"
    ANSWERED = "answered"
    AVERAGE = "average"
    MEDIAN = "median"
    SUM = "sum"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    NPS = "nps"
    NET_SCORE = "net_score"
    TOP_BOX = "top_box"
    TOP_2_BOX = "top_2_box"
    BOTTOM_2_BOX = "bottom_2_box"
    CSAT = "csat"
    CES_PERCENT = "ces_percent"
    CES_AVERAGE = "ces_average"
    SHARE = "share"
    DISTRIBUTION = "distribution"
    ENTERED_NUMBER = "entered_number"
    ENTERED_COUNT = "entered_count"
    ENTERED_PERCENT = "entered_percent"
    ENTERED_POINTS = "entered_points"


ENTERED: Final = frozenset(
    {
        Calculation.ENTERED_NUMBER,
        Calculation.ENTERED_COUNT,
        Calculation.ENTERED_PERCENT,
        Calculation.ENTERED_POINTS,
    }
)
"""The calculations that show values which people entered, and calculate nothing."""


class Period(StrEnum):
    """Calendar periods in the account's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class ComparedPeriod(StrEnum):
    """What the period of a Comparison is compared with."""

    PREVIOUS_PERIOD = "previous_period"
    """The period immediately before."""
    SAME_PERIOD_LAST_YEAR = "same_period_last_year"
    """The same days, or the same week, of the year before."""


class ExclusionReason(StrEnum):
    """Why a response is excluded by default; a metric may include each kind."""

    UNFINISHED = "unfinished"
    PREVIEW = "preview"
    TEST = "test"
    SPAM = "spam"


class GroupBy(EnteredModel):
    """The grouping of a Series.

    ``kind`` is ``answer`` (the answers to the metric's question), ``row`` (the rows of a matrix,
    which is the metric's question), ``question`` (``of`` is its id), ``field`` (``of`` is the name
    of an embedded field) or ``period`` (``of`` is a ``Period``). Sources never receive ``row``:
    they answer one query for each row.
    """

    kind: Literal["answer", "row", "question", "field", "period"]
    of: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind in {"answer", "row"} and self.of:
            raise ValueError(f"group-by {self.kind} takes no ID")
        if self.kind in {"question", "field"} and not self.of:
            raise ValueError(f"group-by {self.kind} requires an ID, as in {self.kind}:ID")
        if self.kind == "period" and self.of not in set(Period):
            raise ValueError(f"the period must be one of {', '.join(Period)}")
        return self

    @classmethod
    def parse(cls, text: str) -> GroupBy:
        """Parse ``answer``, ``row``, ``question:ID``, ``field:NAME`` or ``period:month``.

        Raises:
            QueryInvalid: when the text has none of these forms.
        """
        kind, _, of = text.strip().partition(":")
        try:
            return cls(kind=kind, of=of)  # type: ignore[arg-type]  # Checked by the model.
        except ValueError:
            raise QueryInvalid(
                f"“{text}” is not a valid group-by.",
                remedy="Use answer, row, question:ID, field:NAME, or period: with one of "
                f"{', '.join(Period)}.",
            ) from None

    def __str__(self) -> str:
        return f"{self.kind}:{self.of}" if self.of else self.kind


def is_by_row(group_by: GroupBy | None) -> bool:
    """Whether the groups are the rows of a matrix."""
    return group_by is not None and group_by.kind == "row"


class WeightReason(StrEnum):
    """Why a response with an answer does not count in a weighted value.

    A weight of 0 is a valid weight: such a response contributes nothing.
    """

    MISSING = "weight_missing"
    UNREADABLE = "weight_unreadable"
    ZERO = "weight_zero"
    NEGATIVE = "weight_negative"


class Weight(EnteredModel):
    """What responses are weighted by: a number in an embedded field, or the answer to a question.

    ``kind`` and ``of`` identify it, as in ``GroupBy``.
    """

    kind: Literal["question", "field"]
    of: Annotated[str, StringConstraints(min_length=1)]

    @classmethod
    def parse(cls, text: str) -> Weight:
        """Parse ``question:ID`` or ``field:NAME``.

        Raises:
            QueryInvalid: when the text has neither form.
        """
        kind, _, of = text.strip().partition(":")
        try:
            return cls(kind=kind, of=of)  # type: ignore[arg-type]  # Checked by the model.
        except ValueError:
            raise QueryInvalid(
                f"“{text}” is not a valid weight.", remedy="Use field:NAME or question:ID."
            ) from None

    def __str__(self) -> str:
        return f"{self.kind}:{self.of}"


class Filter(EnteredModel):
    """Include, or with ``exclude`` exclude, the responses whose answer is one of ``values``.

    ``kind`` and ``of`` identify a question or an embedded field, as in ``GroupBy``. A response
    without an answer to it is removed by an including filter, but not by an excluding one.
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
"""Names of the date ranges that depend on the current date; see ``date_ranges.resolve``."""


YEARS: Final = range(1900, 2200)
"""The plausible years of date ranges and responses; any other year is treated as an error."""


ROLLING: Final = range(2, 367)
"""The possible numbers of periods in a rolling window."""


class DateRange(EnteredModel):
    """The days of a metric in the account's time zone: a preset, or ``start`` to before ``end``."""

    preset: str = "all_time"
    start: date | None = None
    end: date | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.preset == "custom":
            if self.start is None and self.end is None:
                raise ValueError("a custom range requires a first day, an end, or both")
            if any(day.year not in YEARS for day in (self.start, self.end) if day is not None):
                raise ValueError(f"the years must be from {YEARS[0]} to {YEARS[-1]}")
            if self.start is not None and self.end is not None and self.start >= self.end:
                raise ValueError("the range ends before it begins; the end day is not included")
        elif self.preset not in PRESETS:
            raise ValueError(f"the range must be one of {', '.join(PRESETS)}")
        elif self.start or self.end:
            raise ValueError("enter a named range or dates, not both")
        return self


class Window(Frozen):
    """A half-open interval of time, including ``start`` and excluding ``end``.

    Both are aware datetimes, which are converted to UTC. ``None`` leaves a side open.
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
            raise ValueError("a time zone is required")
        return instant.astimezone(UTC)

    def includes(self, instant: datetime) -> bool:
        """Whether an aware datetime is in the interval."""
        return (self.start is None or self.start <= instant) and (
            self.end is None or instant < self.end
        )


class Definition(EnteredModel):
    """Everything that determines the value of a metric.

    Attributes:
        question_id: A question or sub-question; ``None`` to count responses.
        answers: The keys of the answers that ``share`` counts.
        top_answers: The keys of the answers whose share ``net_score`` begins with.
        bottom_answers: The keys of the answers whose share ``net_score`` subtracts.
        compare_with: What a Comparison, or a Series that compares its groups, compares with.
        compare_groups: Whether each group of a Series is compared with an earlier period.
        rolling: The number of calendar periods in the rolling windows of a Series by period: each
            value pools the answers of a period and of those before it.
        include: The kinds of responses to count that are excluded by default.
        reverse_scale: Whether 1 is the best answer, so that boxes are counted from the other end.
        weight: What the responses are weighted by; ``None`` counts each response once.
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
    weight: Weight | None = None
    top_answers: tuple[str, ...] = ()
    bottom_answers: tuple[str, ...] = ()
    compare_with: ComparedPeriod = ComparedPeriod.PREVIOUS_PERIOD
    rolling: Annotated[int, Field(ge=ROLLING[0], le=ROLLING[-1])] | None = None
    compare_groups: bool = False

    @property
    def compares(self) -> bool:
        """Whether the metric has two windows: it is a Comparison, or compares its groups."""
        return self.type is MetricType.COMPARISON or self.compare_groups

    def named_questions(self) -> tuple[tuple[str, str], ...]:
        """Return the questions of the definition as pairs of (part, question id).

        The part is ``question_id``, ``group_by``, ``filters`` or ``weight``.
        """
        named = [("question_id", self.question_id)] if self.question_id is not None else []
        if self.group_by is not None and self.group_by.kind == "question":
            named.append(("group_by", self.group_by.of))
        named += [("filters", each.of) for each in self.filters if each.kind == "question"]
        if self.weight is not None and self.weight.kind == "question":
            named.append(("weight", self.weight.of))
        return tuple(named)

    def fingerprint(self, *, zone: str, week_start: int) -> str:
        """Return a hash of everything that determines the value, including account settings.

        A stored value is only shown for the fingerprint that it was calculated for.
        """
        parts = self.model_dump(mode="json")
        for name in _ADDED:
            if getattr(self, name) == type(self).model_fields[name].default:
                del parts[name]
        parts["include"] = sorted(self.include)
        text = repr((sorted(parts.items(), key=lambda item: item[0]), zone, week_start))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


_ADDED: Final = (
    "weight",
    "top_answers",
    "bottom_answers",
    "compare_with",
    "rolling",
    "compare_groups",
)
"""Parts that values of earlier versions were stored without: they count only if they are set."""


class MetricQuery(Frozen):
    """A query to a source: a definition with its date range resolved to windows.

    Attributes:
        id: The id to return with the tally, unique within a call.
        windows: ``current``, and ``previous`` if the definition ``compares``.
        zone: The IANA name of the time zone of calendar periods.
        week_start: The first day of the week, ISO: 1 = Monday … 7 = Sunday.
    """

    id: str
    definition: Definition
    windows: tuple[Window, ...] = (Window(),)
    zone: str = "UTC"
    week_start: int = 1


_FILTER: Final = re.compile(r"(?:(question|field):(.+?)|([^:=]+))=(.*)", re.DOTALL)


def parse_filter(text: str, *, exclude: bool) -> Filter:
    """Parse ``NAME=VALUE`` or ``field:NAME=VALUE`` (embedded field), or ``question:ID=KEY``.

    Several values are separated by ``|``. A field name with a colon requires ``field:``.

    Raises:
        QueryInvalid: when the text has none of these forms.
    """
    match = _FILTER.fullmatch(text.strip())
    kind, of, field, values = match.groups() if match else ("", "", "", "")
    name = (of or field or "").strip()
    if not name:
        raise QueryInvalid(
            f"“{text}” is not a valid filter.",
            remedy="Use question:ID=KEY, or FIELD=VALUE for an embedded field (field:NAME=VALUE if "
            "the name contains a colon).",
        )
    keys = tuple(value.strip() for value in values.split("|"))
    if not all(keys):
        raise QueryInvalid(
            f"The filter “{text}” has an empty value.",
            remedy=f"Enter a value after the equals sign, or several as in {name}=A|B.",
        )
    return Filter.model_validate(
        {"kind": kind or "field", "of": name, "values": keys, "exclude": exclude}
    )
