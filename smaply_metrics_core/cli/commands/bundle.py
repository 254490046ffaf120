"""``bundle check``: the metrics of a debug bundle, calculated anew from what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smaply_metrics_core import __version__
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.command_context import CommandContext, actor, before_command, opened
from smaply_metrics_core.cli.commands.survey import ConnectionArgument
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.json_output import result_json
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import (
    error_json,
    print_json,
    print_problem,
    print_text,
    show,
    table,
    text,
)
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.stdio import keep_stdout
from smaply_metrics_core.errors import InputError

if TYPE_CHECKING:
    from smaply_metrics_core.bundle.check import BundleCheck, Fact, MetricCheck
    from smaply_metrics_core.bundle.reader import BundleReader
    from smaply_metrics_core.models.result import Result
    from smaply_metrics_core.sources import Source

app = typer.Typer(help="What is in a debug bundle.")
app.callback()(option_groups(before_command))

MOST_SHOWN: Final = 10
"""Differences of one metric that people are shown; in JSON there are all."""

COLORS: Final = {
    "agrees": "green",
    "differs": "red",
    "not_recomputed": "red",
    "nothing_stored": "yellow",
}
AGREE: Final = {"agrees": True, "differs": False, "not_recomputed": None, "nothing_stored": None}


@app.command("check")
@option_groups
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `debug-export` has written.")],
    invocation: CommandContext,
) -> None:
    """Calculate every metric of a bundle anew.

    From its raw data alone, without a network, and show it against what was stored. Ends with 1
    when a value differs or cannot be calculated.
    """
    from smaply_metrics_core.bundle.check import check_bundle  # Loads Polars: only on use.

    with _opened(file.absolute()) as reader:
        source = _source(reader)
        found = check_bundle(reader, source)
    if invocation.wants_json:
        print_json(_json(found, source))
    else:
        _show(found, source)
    if not found.agrees:
        raise typer.Exit(1)


@contextmanager
def _opened(file: Path) -> Iterator[BundleReader]:
    from smaply_metrics_core.bundle.reader import open_bundle  # Only on use.
    from smaply_metrics_core.sources.temp_dirs import private_directory

    with ExitStack() as opened:
        folder = opened.enter_context(private_directory())
        try:
            reader = opened.enter_context(open_bundle(file, folder))
        except InputError as error:
            raise CommandLineError(error.message, error.remedy) from None
        yield reader


def _source(reader: BundleReader) -> Source:
    from smaply_metrics_core.sources import SourceRegistry, SourceSettings  # Only on use.

    keep_stdout()
    # No store is opened: a support engineer has none.
    return SourceRegistry(SourceSettings.from_environment(os.environ)).get(reader.manifest.source)


def _json(found: BundleCheck, source: Source) -> dict[str, Any]:
    about = found.manifest.model_dump(mode="json")
    return {
        "agree": found.agrees,
        "source": about["source"],
        "survey": about["survey_id"],
        "zone": about["zone"],
        "week_start": about["week_start"],
        "include_personal": about["include_personal"],
        "made_at": about["made_at"],
        "versions": dict(found.versions),
        "checked_with": _installed(source),
        "metrics": [_metric_json(checked) for checked in found.metrics],
        "problems": [error_json(problem) for problem in found.problems],
        "requests": [
            one.model_dump(mode="json", exclude={"request_bytes", "response_bytes"})
            for one in found.exchange
        ],
    }


def _metric_json(checked: MetricCheck) -> dict[str, Any]:
    bundled = checked.bundled
    dumped = bundled.model_dump(mode="json", include={"decision"})
    attempt = bundled.attempt
    problem = attempt.problem if attempt is not None else None
    return {
        "id": bundled.metric.id,
        "name": bundled.metric.name,
        "type": bundled.metric.definition.type,
        "calculation": bundled.metric.definition.calculation,
        "as_of": checked.as_of.isoformat(),
        "verdict": checked.verdict,
        "agree": AGREE[checked.verdict],
        "stored": _result(checked.stored),
        "recomputed": _result(checked.recomputed),
        "differences": [asdict(difference) for difference in checked.differences],
        "error": error_json(checked.error) if checked.error else None,
        "problem": error_json(problem) if problem else None,
        "decision": dumped["decision"],
    }


def _result(result: Result | None) -> dict[str, Any] | None:
    return None if result is None else result_json(result)


def _installed(source: Source) -> dict[str, str]:
    return {"smaply-metrics-core": __version__, source.distribution: source.version}


def _show(found: BundleCheck, source: Source) -> None:
    manifest = found.manifest
    print_text(text("Survey     ", "bold"), f"{manifest.source} {manifest.survey_id}")
    print_text(text("Made       ", "bold"), instant_text(manifest.made_at, manifest.zone))
    now = _installed(source)
    before = {name: found.versions.get(name, "in another version") for name in now}
    for title, versions in (("Made by    ", before), ("Checked by ", now)):
        names = ", ".join(f"{name} {version}" for name, version in versions.items())
        print_text(text(title, "bold"), names)
    made = table(
        *("Metric", "Stored", "Recomputed", "Left out", "Verdict"),
        right=("Stored", "Recomputed"),
        whole=("Verdict",),
    )
    for checked in found.metrics:
        result = checked.recomputed or checked.stored
        excluded = sorted(result.current.excluded.items()) if result else ()
        made.add_row(
            text(checked.bundled.metric.name, "bold"),
            _value(checked.stored),
            _value(checked.recomputed),
            text(", ".join(f"{why} {count:,}" for why, count in excluded)),
            text(checked.verdict.replace("_", " "), COLORS[checked.verdict]),
        )
    print_text()
    show(made)
    for checked in found.metrics:
        _show_details(checked)
    for problem in found.problems:
        print_text()
        print_text(text("While the bundle was made", "bold"))
        print_problem(problem)
    for one in found.exchange:
        said = f"{one.method} {one.path}: {one.status or one.error or 'no answer'}"
        print_text(said, f" (request id {one.request_id})" if one.request_id else "", style="dim")


def _value(result: Result | None) -> str:
    if result is None:
        return "—"
    current = result.current
    return f"{format_value(result.unit, current.value)} ({current.answered:,})"


def _show_details(checked: MetricCheck) -> None:
    attempt = checked.bundled.attempt
    problem = attempt.problem if attempt is not None else None
    if not (checked.differences or checked.error or problem):
        return
    print_text()
    print_text(text(checked.bundled.metric.name, "bold"))
    for difference in checked.differences[:MOST_SHOWN]:
        said = f"{difference.what}: {_said(difference.stored)} stored, "
        print_text(said, f"{_said(difference.recomputed)} recomputed", indent=2)
    more = len(checked.differences) - MOST_SHOWN
    if more > 0:
        print_text(f"and {more:,} more", indent=2)
    if checked.error is not None:
        print_text("Recomputing it:")
        print_problem(checked.error)
    if problem is not None:
        print_text("Its last update:")
        print_problem(problem)


def _said(fact: Fact) -> str:
    return "nothing" if fact is None else str(fact)


export_app = typer.Typer()


@export_app.command("debug-export")
@option_groups
def debug_export(
    connection: ConnectionArgument,
    survey: Annotated[str, typer.Option(metavar="ID", help="The survey.")],
    to: Annotated[Path, typer.Option(metavar="FILE", help="The zip to write; must not exist.")],
    *,
    include_personal: Annotated[
        bool,
        typer.Option(
            "--include-personal",
            help="With the columns that identify people: address, location, recipient.",
        ),
    ] = False,
    invocation: CommandContext,
) -> None:
    """Write a survey and all around it into a zip.

    It is for support, and never with the token in it. It is written even when the survey tool
    fails: the failure is then part of it, and told.
    """
    with opened(invocation.folder) as host, progress_bar() as progress:
        bundle = host.debug_bundles.export(
            actor(),
            connection,
            survey,
            to.absolute(),
            include_personal=include_personal,
            progress=progress,
        )
    problem, size = bundle.problem, bundle.path.stat().st_size
    if invocation.wants_json:
        told = None if problem is None else error_json(problem)
        print_json({"bundle": str(bundle.path), "bytes": size, "problem": told})
        return
    print_text("Written: ", text(str(bundle.path), "bold"), f" ({size:,} bytes)")
    if problem is not None:
        print_text("! Not all of the survey's data is in it:", style="yellow", stderr=True)
        print_problem(problem, style="yellow", stderr=True)
    if include_personal:
        print_text("It holds personal data: hand it only to who may see them.", style="yellow")
