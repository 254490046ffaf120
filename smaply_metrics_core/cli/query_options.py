"""Query options, and the definition of a metric that is built from them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Final

import typer

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.param_types import calendar_day
from smaply_metrics_core.errors import DefinitionInvalid, QueryInvalid
from smaply_metrics_core.models.query import (
    PRESETS,
    ROLLING,
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
    Weight,
    parse_filter,
)

RESETTABLE: Final = {
    "question": "question_id",
    "answers": "answers",
    "top-answers": "top_answers",
    "bottom-answers": "bottom_answers",
    "group-by": "group_by",
    "range": "range",
    "where": "filters",
    "count": "include",
    "reverse-scale": "reverse_scale",
    "weight": "weight",
    "compare-with": "compare_with",
    "rolling": "rolling",
    "compare-groups": "compare_groups",
}
"""The parts that an edit can reset, mapped to the field of the definition."""


def _option(*names: str, help: str, metavar: str | None = None) -> Any:  # noqa: A002, ANN401
    return typer.Option(*names, help=help, metavar=metavar, show_default=False)


@dataclass(frozen=True)
class QueryOptions:
    """The parts of a definition, as typed; ``None`` for options that were not given."""

    survey: Annotated[
        str | None,
        _option("--survey", metavar="ID", help="ID of the survey; required for a new definition."),
    ] = None
    question: Annotated[
        str | None,
        _option(
            "--question",
            metavar="ID",
            help="ID of the question or sub-question, for example QID4_2. Omit it to count "
            "responses.",
        ),
    ] = None
    calculation: Annotated[
        Calculation | None,
        _option(
            "--calculation",
            metavar="NAME",
            help=f"Calculation; required for a new definition: {', '.join(Calculation)}.",
        ),
    ] = None
    answers: Annotated[
        str | None,
        _option(
            "--answers",
            metavar="KEY,KEY",
            help="Keys of the answers that a share counts. Put a key that contains a comma in "
            "double quotes.",
        ),
    ] = None
    top_answers: Annotated[
        str | None,
        _option(
            "--top-answers",
            metavar="KEY,KEY",
            help="Keys of the answers whose share a net score begins with.",
        ),
    ] = None
    bottom_answers: Annotated[
        str | None,
        _option(
            "--bottom-answers",
            metavar="KEY,KEY",
            help="Keys of the answers whose share a net score subtracts.",
        ),
    ] = None
    group_by: Annotated[
        str | None,
        _option(
            "--group-by",
            metavar="GROUPING",
            help="Grouping: answer, row (the rows of a matrix), question:ID, field:NAME, or "
            "period:UNIT with the unit day, week, month, quarter or year.",
        ),
    ] = None
    range: Annotated[
        str | None,
        _option("--range", metavar="NAME", help=f"Date range: {', '.join(PRESETS)}."),
    ] = None
    since: Annotated[
        str | None,
        _option("--since", metavar="DATE", help="First day, for example 2026-01-31."),
    ] = None
    until: Annotated[
        str | None,
        _option("--until", metavar="DATE", help="First day that is no longer included."),
    ] = None
    where: Annotated[
        list[str] | None,
        _option(
            "--where",
            metavar="FIELD=VALUE|VALUE",
            help="Count only responses whose embedded field has one of these values; for the "
            "answers of a question, write question:ID=KEY|KEY. Can be repeated.",
        ),
    ] = None
    where_not: Annotated[
        list[str] | None,
        _option(
            "--where-not",
            metavar="FIELD=VALUE|VALUE",
            help="Exclude responses; same syntax as --where. Can be repeated.",
        ),
    ] = None
    count: Annotated[
        str | None,
        _option(
            "--count",
            metavar="KIND,KIND",
            help="Kinds of responses to count although they are excluded by default: "
            f"{', '.join(ExclusionReason)}.",
        ),
    ] = None
    reverse_scale: Annotated[
        bool,
        _option("--reverse-scale", help="Reverse the scale, so that 1 is the best answer."),
    ] = False
    weight: Annotated[
        str | None,
        _option(
            "--weight",
            metavar="field:NAME|question:ID",
            help="Weight each response by the number in an embedded field, or by its answer to a "
            "question.",
        ),
    ] = None
    compare_with: Annotated[
        ComparedPeriod | None,
        _option(
            "--compare-with",
            metavar="NAME",
            help=f"What a comparison compares with: {', '.join(ComparedPeriod)}. The default is "
            "the previous period.",
        ),
    ] = None
    compare_groups: Annotated[
        bool,
        _option(
            "--compare-groups",
            help="Compare each group with itself in the previous period, or in that of "
            "--compare-with.",
        ),
    ] = False
    rolling: Annotated[
        int | None,
        typer.Option(
            "--rolling",
            min=ROLLING[0],
            max=ROLLING[-1],
            metavar="N",
            help="For each period, pool the answers of N periods: its own and those before it.",
            show_default=False,
        ),
    ] = None
    type: Annotated[
        MetricType | None,
        _option(
            "--type",
            metavar="NAME",
            help=f"Type: {', '.join(MetricType)}. Default: series with a grouping or for a "
            "distribution, comparison with --compare-with, else number.",
        ),
    ] = None

    def definition(self) -> Definition:
        """Return the definition that these options describe.

        Raises:
            CommandLineError: for options that are missing, malformed, or contradict each other.
        """
        for name, value in (("--survey", self.survey), ("--calculation", self.calculation)):
            if value is None:
                raise CommandLineError(
                    f"{name} is missing.", f"Add {name}; see --help for the valid values."
                )
        return self._over({}, was=MetricType.NUMBER)

    def changed(self, old: Definition, reset: Iterable[str]) -> Definition:
        """Return a definition with these options.

        Args:
            old: The definition whose values apply where no option was given.
            reset: Names of ``RESETTABLE`` to reset to their defaults first.

        Raises:
            CommandLineError: for options that are malformed or contradict each other.
        """
        gone = {RESETTABLE[name] for name in reset}
        kept = {name: value for name, value in dict(old).items() if name not in gone}
        return self._over(kept, was=old.type)

    def _over(self, values: dict[str, Any], *, was: MetricType) -> Definition:
        values = values | self._given()
        of_groups = values.get("compare_groups", False)
        compares = None if self.compare_with is None or of_groups else MetricType.COMPARISON
        values["type"] = self.type or compares or _type_of(values, was)
        compared = of_groups or values["type"] is MetricType.COMPARISON
        if not compared and self.compare_with is None:
            values.pop("compare_with", None)
        return Definition.model_validate(values)

    def _given(self) -> dict[str, Any]:
        """Return the parts of a definition for which an option was given."""
        given: dict[str, Any] = {}
        if self.survey is not None:
            given["survey_id"] = _id("--survey", self.survey)
        if self.question is not None:
            given["question_id"] = _id("--question", self.question)
        if self.calculation is not None:
            given["calculation"] = self.calculation
        parsed: tuple[tuple[str, str | None, Callable[[str], object]], ...] = (
            ("answers", self.answers, partial(_keys, "--answers")),
            ("top_answers", self.top_answers, partial(_keys, "--top-answers")),
            ("bottom_answers", self.bottom_answers, partial(_keys, "--bottom-answers")),
            ("group_by", self.group_by, _group_by),
            ("include", self.count, _kinds),
            ("weight", self.weight, _weight),
        )
        given |= {part: parse(text) for part, text, parse in parsed if text is not None}
        if not (self.range is None and self.since is None and self.until is None):
            given["range"] = _range(self.range, self.since, self.until)
        if self.where or self.where_not:
            given["filters"] = (
                *_filters("--where", self.where or (), exclude=False),
                *_filters("--where-not", self.where_not or (), exclude=True),
            )
        if self.rolling is not None:
            given["rolling"] = self.rolling
        if self.compare_with is not None:
            given["compare_with"] = self.compare_with
        if self.reverse_scale:
            given["reverse_scale"] = True
        if self.compare_groups:
            given["compare_groups"] = True
        return given


def _type_of(values: dict[str, Any], was: MetricType) -> MetricType:
    """Infer the type: several values are a series; a comparison stays a comparison."""
    if values.get("group_by") is not None or values["calculation"] is Calculation.DISTRIBUTION:
        return MetricType.SERIES
    return MetricType.NUMBER if was is MetricType.SERIES else was


def _id(option: str, given: str) -> str:
    if not given.strip():
        raise CommandLineError(f"{option} is empty.", f"Enter an ID or omit {option}.")
    return given.strip()


def _keys(option: str, given: str) -> tuple[str, ...]:
    try:
        keys = next(csv.reader([given], skipinitialspace=True, strict=True), [])
    except csv.Error:
        raise CommandLineError(
            f"{option} is not a list of keys.",
            'Separate the keys by commas, for example 1,2 or "Yes, often",No.',
        ) from None
    kept = tuple(key.strip() for key in keys if key.strip())
    if not kept:
        raise CommandLineError(f"{option} is empty.", "Enter keys of answers, for example 1,2.")
    return kept


def _kinds(given: str) -> frozenset[ExclusionReason]:
    kinds = [kind.strip() for kind in given.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in set(ExclusionReason):
            raise CommandLineError(
                f"“{kind}” is not a valid --count.", f"Use any of {','.join(ExclusionReason)}."
            )
    if not kinds:
        raise CommandLineError("--count is empty.", f"Use any of {','.join(ExclusionReason)}.")
    return frozenset(map(ExclusionReason, kinds))


def _group_by(given: str) -> GroupBy:
    try:
        return GroupBy.parse(given)
    except QueryInvalid as error:
        raise CommandLineError(error.message, error.remedy) from None


def _weight(given: str) -> Weight:
    try:
        return Weight.parse(given)
    except QueryInvalid as error:
        raise CommandLineError(error.message, error.remedy) from None


def _filters(option: str, given: Sequence[str], *, exclude: bool) -> tuple[Filter, ...]:
    for kind in ExclusionReason:
        if kind in given and not exclude:
            raise CommandLineError(
                f"{option} requires FIELD=VALUE, not “{kind}”.",
                f"To count responses that are excluded as {kind}, use --count {kind}.",
            )
    try:
        return tuple(parse_filter(one, exclude=exclude) for one in given)
    except QueryInvalid as error:
        raise CommandLineError(f"{option}: {error.message}", error.remedy) from None


def _range(name: str | None, since: str | None, until: str | None) -> DateRange:
    if name is None:
        try:
            return DateRange(
                preset="custom",
                start=calendar_day("--since", since),
                end=calendar_day("--until", until),
            )
        except DefinitionInvalid:
            raise CommandLineError(
                "The range ends before it begins.",
                "Set --until to a day after --since; the day of --until is excluded.",
            ) from None
    if since is not None or until is not None:
        raise CommandLineError(
            "--range cannot be combined with --since and --until.",
            "Use either a named range or dates.",
        )
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        raise CommandLineError(
            f"“{name}” is not a valid --range.",
            f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(PRESETS)}.",
        )
    return DateRange(preset=name)
