"""``bundle export|show|check``: debug bundles of a survey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smaply_metrics_core import __version__
from smaply_metrics_core.calculations.response_text import count_text
from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.calculations.small_groups import hide_small_groups
from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.arguments import ConnectionArgument, SurveyArgument, file_name_part
from smaply_metrics_core.cli.command_context import (
    CommandContext,
    before_command,
    source_registry,
)
from smaply_metrics_core.cli.errors import CommandLineError
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
from smaply_metrics_core.errors import InputError

if TYPE_CHECKING:  # Loads Polars.
    from smaply_metrics_core.bundle.check import BundleCheck, Fact, MetricCheck
    from smaply_metrics_core.bundle.contents import BundledMetric, Manifest
    from smaply_metrics_core.bundle.reader import BundleReader
    from smaply_metrics_core.models.result import Result
    from smaply_metrics_core.sources.source import Source

app = typer.Typer()
app.callback()(option_groups(before_command))

MOST_SHOWN: Final = 10
"""Maximum number of differences per metric in the text output; JSON has all of them."""

COLORS: Final = {
    "agrees": "green",
    "differs": "red",
    "not_recomputed": "red",
    "nothing_stored": "yellow",
}
AGREE: Final = {"agrees": True, "differs": False, "not_recomputed": None, "nothing_stored": None}


FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A debug bundle written by `bundle export`.")
]


@app.command("export")
@option_groups
def export(
    connection: ConnectionArgument,
    survey: SurveyArgument,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="ZIP file to write; it must not exist yet. Default: debug-bundle-SURVEY.zip in "
            "the current folder.",
            show_default=False,
        ),
    ] = None,
    include_personal: Annotated[
        bool,
        typer.Option(
            "--include-personal",
            help="Include columns that identify people: addresses, locations, recipients.",
            show_default=False,
        ),
    ] = False,
    invocation: CommandContext,
) -> None:
    """Export a survey's data, metrics and requests for support.

    The bundle never contains credentials. If the survey tool fails, the bundle is still written: it
    contains the problem, which is also printed on standard error.
    """
    path = output or Path(f"debug-bundle-{file_name_part(survey)}.zip")
    with invocation.open() as opened, progress_bar() as progress:
        bundle = opened.host.debug_bundles.export(
            opened.actor,
            connection,
            survey,
            path.absolute(),
            include_personal=include_personal,
            progress=progress,
        )
    problem, size = bundle.problem, bundle.path.stat().st_size
    if invocation.wants_json:
        shown = None if problem is None else error_json(problem)
        print_json({"bundle": str(bundle.path), "bytes": size, "problem": shown})
        return
    print_text("Written: ", text(str(bundle.path), "bold"), f" ({size:,} bytes)")
    if problem is not None:
        print_text("! The bundle is incomplete:", style="yellow", stderr=True)
        print_problem(problem, style="yellow", stderr=True)
    if include_personal:
        print_text(
            "The bundle contains personal data. Share it only with people who may see it.",
            style="yellow",
        )


@app.command("show")
@option_groups
def show_bundle(file: FileArgument, invocation: CommandContext) -> None:
    """Show the survey, versions, metrics and files of a bundle.

    Nothing is calculated, and the source does not have to be installed. Small groups that the
    account hides are not shown; the file contains them.
    """
    from smaply_metrics_core.bundle.contents import METRICS, METRICS_FILE, VERSIONS, VERSIONS_FILE
    from smaply_metrics_core.bundle.reader import problems_in  # Imported on use, as above.

    with _opened(file.absolute()) as reader:
        manifest = reader.manifest
        versions = reader.read(VERSIONS, VERSIONS_FILE) if VERSIONS in reader.names else {}
        metrics = reader.read(METRICS, METRICS_FILE) if METRICS in reader.names else ()
        problems = tuple(problems_in(reader))
        names = sorted(reader.names)
    if invocation.wants_json:
        print_json(
            {
                **_manifest_json(manifest),
                "versions": dict(versions),
                "metrics": [_bundled_json(bundled, manifest) for bundled in metrics],
                "problems": [error_json(problem) for problem in problems],
                "files": names,
            }
        )
        return
    print_text(text("Survey     ", "bold"), f"{manifest.source} {manifest.survey_id}")
    print_text(text("Made       ", "bold"), instant_text(manifest.made_at, manifest.zone))
    print_text(text("Made by    ", "bold"), ", ".join(f"{n} {v}" for n, v in versions.items()))
    print_text(text("Files      ", "bold"), ", ".join(names))
    if manifest.include_personal:
        print_text("The bundle contains personal data.", style="yellow")
    if metrics:
        made = table("Metric", "Name", "Stored", whole=("Metric",), right=("Stored",))
        for bundled in metrics:
            metric = bundled.metric
            shown = _shown(bundled.result, bundled, manifest)
            made.add_row(text(metric.id), text(metric.name, "bold"), _value(shown))
        print_text()
        show(made)
    for problem in problems:
        print_text()
        print_problem(problem)


@app.command("check")
@option_groups
def check(file: FileArgument, invocation: CommandContext) -> None:
    """Recompute the metrics of a bundle and compare their values.

    Only the raw data of the bundle is read; no request is made. The exit code is 1 if a value
    differs or cannot be calculated. All numbers are compared; if the account hides small groups,
    the numbers that differ are not printed.
    """
    from smaply_metrics_core.bundle.check import check_bundle  # Imported on use: it loads Polars.

    with _opened(file.absolute()) as reader:
        source = source_registry().get(reader.manifest.source)
        found = check_bundle(reader, source)
    if invocation.wants_json:
        print_json(_json(found, source))
    else:
        _show(found, source)
    if not found.agrees:
        raise typer.Exit(1)


@contextmanager
def _opened(file: Path) -> Iterator[BundleReader]:
    from smaply_metrics_core.bundle.reader import open_bundle  # Imported on use, as below.
    from smaply_metrics_core.sources.temp_dirs import private_directory

    with ExitStack() as opened:
        folder = opened.enter_context(private_directory())
        try:
            reader = opened.enter_context(open_bundle(file, folder))
        except InputError as error:
            raise CommandLineError(error.message, error.remedy) from None
        yield reader


def _json(found: BundleCheck, source: Source) -> dict[str, Any]:
    return {
        "agree": found.agrees,
        **_manifest_json(found.manifest),
        "versions": dict(found.versions),
        "checked_with": _installed(source),
        "metrics": [_metric_json(checked, found.manifest) for checked in found.metrics],
        "problems": [error_json(problem) for problem in found.problems],
        "requests": [
            one.model_dump(mode="json", exclude={"request_bytes", "response_bytes"})
            for one in found.exchange
        ],
    }


def _manifest_json(manifest: Manifest) -> dict[str, Any]:
    dumped = manifest.model_dump(mode="json", exclude={"format", "survey_id"})
    return {"survey": manifest.survey_id} | dumped


def _shown(result: Result | None, bundled: BundledMetric, manifest: Manifest) -> Result | None:
    """Return a result without the small groups that the account hides."""
    if result is None:
        return None
    return hide_small_groups(result, bundled.metric.definition, manifest.minimum_group)


def _bundled_json(bundled: BundledMetric, manifest: Manifest) -> dict[str, Any]:
    attempt = bundled.attempt
    problem = attempt.problem if attempt is not None else None
    return {
        "id": bundled.metric.id,
        "name": bundled.metric.name,
        "type": bundled.metric.definition.type,
        "calculation": bundled.metric.definition.calculation,
        "stored": _result(_shown(bundled.result, bundled, manifest)),
        "problem": error_json(problem) if problem else None,
        "decision": bundled.model_dump(mode="json", include={"decision"})["decision"],
    }


def _metric_json(checked: MetricCheck, manifest: Manifest) -> dict[str, Any]:
    bundled = checked.bundled
    return _bundled_json(bundled, manifest) | {
        "as_of": checked.as_of.isoformat(),
        "verdict": checked.verdict,
        "agree": AGREE[checked.verdict],
        "stored": _result(_shown(checked.stored, bundled, manifest)),
        "recomputed": _result(_shown(checked.recomputed, bundled, manifest)),
        "differences": [
            {"what": difference.what} if manifest.minimum_group else asdict(difference)
            for difference in checked.differences
        ],
        "error": error_json(checked.error) if checked.error else None,
    }


def _result(result: Result | None) -> dict[str, Any] | None:
    from smaply_metrics_core.host import result_json  # Imported on use: it loads the host.

    return None if result is None else result_json(result)


def _installed(source: Source) -> dict[str, str]:
    return {"smaply-metrics-core": __version__, source.distribution: source.version}


def _show(found: BundleCheck, source: Source) -> None:
    manifest = found.manifest
    print_text(text("Survey     ", "bold"), f"{manifest.source} {manifest.survey_id}")
    print_text(text("Made       ", "bold"), instant_text(manifest.made_at, manifest.zone))
    now = _installed(source)
    before = {name: found.versions.get(name, "(another version)") for name in now}
    for title, versions in (("Made by    ", before), ("Checked by ", now)):
        names = ", ".join(f"{name} {version}" for name, version in versions.items())
        print_text(text(title, "bold"), names)
    made = table(
        *("Metric", "Stored", "Recomputed", "Excluded", "Result"),
        right=("Stored", "Recomputed"),
        whole=("Result",),
    )
    for checked in found.metrics:
        bundled = checked.bundled
        stored = _shown(checked.stored, bundled, manifest)
        recomputed = _shown(checked.recomputed, bundled, manifest)
        result = recomputed or stored
        excluded = sorted(result.current.excluded.items()) if result else ()
        made.add_row(
            text(bundled.metric.name, "bold"),
            _value(stored),
            _value(recomputed),
            text(", ".join(f"{why} {count:,}" for why, count in excluded)),
            text(checked.verdict.replace("_", " "), COLORS[checked.verdict]),
        )
    print_text()
    show(made)
    for checked in found.metrics:
        _show_details(checked, manifest)
    for problem in found.problems:
        print_text()
        print_text(text("Problem during the export", "bold"))
        print_problem(problem)
    for one in found.exchange:
        line = f"{one.method} {one.path}: {one.status or one.error or 'no response'}"
        print_text(line, f" (request ID {one.request_id})" if one.request_id else "", style="dim")


def _value(result: Result | None) -> str:
    if result is None:
        return "—"
    current = result.current
    return f"{format_value(result.unit, current.value)} ({count_text(current)})"


def _show_details(checked: MetricCheck, manifest: Manifest) -> None:
    attempt = checked.bundled.attempt
    problem = attempt.problem if attempt is not None else None
    if not (checked.differences or checked.error or problem):
        return
    print_text()
    print_text(text(checked.bundled.metric.name, "bold"))
    for difference in checked.differences[:MOST_SHOWN]:
        if manifest.minimum_group:
            print_text(f"{difference.what} differs", indent=2)
            continue
        stored, recomputed = _fact_text(difference.stored), _fact_text(difference.recomputed)
        print_text(f"{difference.what}: {stored} stored, {recomputed} recomputed", indent=2)
    more = len(checked.differences) - MOST_SHOWN
    if more > 0:
        print_text(f"and {more:,} more", indent=2)
    if checked.error is not None:
        print_text("Problem while recomputing:")
        print_problem(checked.error)
    if problem is not None:
        print_text("Problem of the last refresh attempt:")
        print_problem(problem)


def _fact_text(fact: Fact) -> str:
    return "nothing" if fact is None else str(fact)
