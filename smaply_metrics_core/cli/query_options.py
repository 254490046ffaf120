"""The options that say what is measured, and the definition made of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.param_types import calendar_day
from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.query import (
    PRESETS,
    Calculation,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
    parse_filter,
)

RESETTABLE: Final = {
    "question": "question_id",
    "answers": "answers",
    "group-by": "group_by",
    "range": "range",
    "filters": "filters",
    "include": "include",
    "reverse-scale": "reverse_scale",
}
"""What an edit can take back, by the field of a definition that then has its default."""


def _option(*names: str, help: str, metavar: str | None = None) -> Any:  # noqa: A002, ANN401
    return typer.Option(*names, help=help, metavar=metavar, show_default=False)


@dataclass(frozen=True)
class QueryOptions:
    """What is measured, as typed; ``None`` where nothing was given."""

    survey: Annotated[str | None, _option("--survey", metavar="ID", help="The survey.")] = None
    question: Annotated[
        str | None,
        _option(
            "--question",
            metavar="ID",
            help="The question or sub-question, as in QID4_2; none counts responses.",
        ),
    ] = None
    calculation: Annotated[
        Calculation | None,
        _option("--calculation", metavar="NAME", help=f"{', '.join(Calculation)}."),
    ] = None
    answers: Annotated[
        str | None,
        _option(
            "--answers",
            metavar="KEY,KEY",
            help='The answers that a share counts; a key with a comma in it goes in "…".',
        ),
    ] = None
    group_by: Annotated[
        str | None,
        _option(
            "--group-by",
            metavar="WHAT",
            help="answer, question:ID, field:NAME, or period: with day, week, month, quarter, "
            "year.",
        ),
    ] = None
    range: Annotated[
        str | None,
        _option("--range", metavar="NAME", help=f"{', '.join(PRESETS)}."),
    ] = None
    first: Annotated[
        str | None, _option("--from", metavar="DATE", help="The first day, as in 2026-01-31.")
    ] = None
    end: Annotated[
        str | None, _option("--to", metavar="DATE", help="The day after the last one.")
    ] = None
    filter: Annotated[
        list[str] | None,
        _option(
            "--include",
            "--filter",
            metavar="FIELD=VALUE|VALUE",
            help="Count only responses whose embedded field has one of these values; "
            "question:ID=KEY for a question's answer. May be repeated.",
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        _option("--exclude", metavar="FIELD=VALUE|VALUE", help="Leave these responses out."),
    ] = None
    unfinished: Annotated[
        bool, _option("--include-unfinished", help="Count unfinished responses too.")
    ] = False
    preview: Annotated[bool, _option("--include-preview", help="Count previews too.")] = False
    test: Annotated[bool, _option("--include-test", help="Count test responses too.")] = False
    spam: Annotated[bool, _option("--include-spam", help="Count spam too.")] = False
    reverse_scale: Annotated[
        bool,
        _option("--reverse-scale", help="1 is best: boxes count from the scale's other end."),
    ] = False
    type: Annotated[
        MetricType | None,
        _option(
            "--type",
            help="Default: series with a group by or for a distribution, else number.",
        ),
    ] = None

    def definition(self) -> Definition:
        """Make the definition that these options mean.

        Raises:
            CommandLineError: for options that are missing, malformed, or contradict each other.
        """
        for name, value in (("--survey", self.survey), ("--calculation", self.calculation)):
            if value is None:
                raise CommandLineError(
                    f"{name} is missing.", f"Add {name}; --help says what it can be."
                )
        return self._over({}, was=MetricType.NUMBER)

    def changed(self, old: Definition, reset: Iterable[str]) -> Definition:
        """Lay these options over a definition.

        Args:
            old: What stays where no option was given.
            reset: Names of ``RESETTABLE`` that go back to their default before that.

        Raises:
            CommandLineError: for options that are malformed or contradict each other.
        """
        gone = {RESETTABLE[name] for name in reset}
        kept = {name: value for name, value in dict(old).items() if name not in gone}
        return self._over(kept, was=old.type)

    def _over(self, values: dict[str, Any], *, was: MetricType) -> Definition:
        values = values | self._given()
        if any(self._included()):
            values["include"] = frozenset({*values.get("include", ()), *self._included()})
        values["type"] = self.type or _type_of(values, was)
        return Definition.model_validate(values)

    def _given(self) -> dict[str, Any]:
        """Give the parts of a definition for which an option was given."""
        given: dict[str, Any] = {}
        if self.survey is not None:
            given["survey_id"] = _id("--survey", self.survey)
        if self.question is not None:
            given["question_id"] = _id("--question", self.question)
        if self.calculation is not None:
            given["calculation"] = self.calculation
        if self.answers is not None:
            given["answers"] = _keys(self.answers)
        if self.group_by is not None:
            given["group_by"] = _group_by(self.group_by)
        if not (self.range is None and self.first is None and self.end is None):
            given["range"] = _range(self.range, self.first, self.end)
        if self.filter or self.exclude:
            given["filters"] = (
                *_filters("--include (or --filter)", self.filter or (), exclude=False),
                *_filters("--exclude", self.exclude or (), exclude=True),
            )
        if self.reverse_scale:
            given["reverse_scale"] = True
        return given

    def _included(self) -> tuple[ExclusionReason, ...]:
        wanted = {
            ExclusionReason.UNFINISHED: self.unfinished,
            ExclusionReason.PREVIEW: self.preview,
            ExclusionReason.TEST: self.test,
            ExclusionReason.SPAM: self.spam,
        }
        return tuple(kind for kind, included in wanted.items() if included)


def _type_of(values: dict[str, Any], was: MetricType) -> MetricType:
    """Infer the type: what makes several values is a series; what does not stays what it was."""
    if values.get("group_by") is not None or values["calculation"] is Calculation.DISTRIBUTION:
        return MetricType.SERIES
    return MetricType.NUMBER if was is MetricType.SERIES else was


def _id(option: str, given: str) -> str:
    if not given.strip():
        raise CommandLineError(f"{option} is empty.", f"Give {option} an id, or leave it out.")
    return given.strip()


def _keys(given: str) -> tuple[str, ...]:
    try:
        keys = next(csv.reader([given], skipinitialspace=True, strict=True), [])
    except csv.Error:
        raise CommandLineError(
            "--answers is not a list of keys.", 'Separate keys by commas: 1,2 or "Yes, often",No.'
        ) from None
    kept = tuple(key.strip() for key in keys if key.strip())
    if not kept:
        raise CommandLineError("--answers names no answer.", "Give the keys of answers: 1,2.")
    return kept


def _group_by(given: str) -> GroupBy:
    try:
        return GroupBy.parse(given)
    except QueryInvalid as error:
        raise CommandLineError(error.message, error.remedy) from None


def _filters(option: str, given: Sequence[str], *, exclude: bool) -> tuple[Filter, ...]:
    for kind in ExclusionReason:
        if kind in given and not exclude:
            raise CommandLineError(
                f"{option} takes FIELD=VALUE, and got “{kind}”.",
                f"Use --include-{kind} to count what is left out as {kind}.",
            )
    try:
        return tuple(parse_filter(one, exclude=exclude) for one in given)
    except QueryInvalid as error:
        raise CommandLineError(f"{option}: {error.message}", error.remedy) from None


def _range(name: str | None, first: str | None, end: str | None) -> DateRange:
    if name is None:
        try:
            return DateRange(
                preset="custom", start=calendar_day("--from", first), end=calendar_day("--to", end)
            )
        except ValidationError:
            raise CommandLineError(
                "The range ends before it begins.",
                "Give --to a day after --from: the day of --to does not count any more.",
            ) from None
    if first is not None or end is not None:
        raise CommandLineError(
            "--range does not go together with --from and --to.",
            "Use a named range, or dates.",
        )
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        raise CommandLineError(
            f"There is no range “{name}”.",
            f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(PRESETS)}.",
        )
    return DateRange(preset=name)
