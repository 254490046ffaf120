"""Display options: the chart of a metric and the texts around its value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.models.metric import ChartType, Display, IntervalVisibility


def _option(name: str, metavar: str, help: str) -> Any:  # noqa: A002, ANN401  # As typer.Option.
    return typer.Option(name, metavar=metavar, help=help, show_default=False)


@dataclass(frozen=True)
class DisplayOptions:
    """How a metric is shown; ``None`` for options that were not given."""

    chart: Annotated[
        ChartType | None, _option("--chart", "NAME", f"Chart: {', '.join(ChartType)}.")
    ] = None
    heading: Annotated[str | None, _option("--heading", "TEXT", "Text above the value.")] = None
    subheading: Annotated[
        str | None, _option("--subheading", "TEXT", "Text below the heading.")
    ] = None
    target: Annotated[float | None, _option("--target", "NUMBER", "Target of the value.")] = None
    prefix: Annotated[str | None, _option("--prefix", "TEXT", "Text before the value.")] = None
    suffix: Annotated[str | None, _option("--suffix", "TEXT", "Text after the value.")] = None
    intervals: Annotated[
        IntervalVisibility | None,
        _option(
            "--intervals",
            "WHEN",
            "Whiskers on bars, a band around lines: automatic (with few answers), always, never.",
        ),
    ] = None

    def display(self, old: Display, reset: Iterable[str] = ()) -> Display:
        """Return a display with these options.

        Args:
            old: The display whose values apply where no option was given.
            reset: Names of ``DISPLAY_RESETTABLE`` to reset to their defaults first.

        Raises:
            CommandLineError: for a value that cannot be shown, such as a target of infinity.
        """
        kept = {name: value for name, value in dict(old).items() if name not in set(reset)}
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        changes = {name: value for name, value in given.items() if value is not None}
        try:
            return Display.model_validate(kept | changes)
        except ValidationError as error:
            (name, *_) = error.errors(include_input=False)[0]["loc"]
            raise CommandLineError(
                f"The value of --{name} is not valid.", "See --help for the valid values."
            ) from None


DISPLAY_RESETTABLE: Final = tuple(field.name for field in fields(DisplayOptions))
"""The parts of a display that an edit can reset."""
