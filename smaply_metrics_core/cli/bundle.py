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
from smaply_metrics_core.calculations.value import format_value
from smaply_metrics_core.charts.dates import moment
from smaply_metrics_core.cli.invocation import Invocation, before_command
from smaply_metrics_core.cli.output import (
    error_json,
    print_json,
    say,
    say_problem,
    show,
    table,
    text,
)
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.streams import keep_stdout
from smaply_metrics_core.cli.usage import WrongUsage
from smaply_metrics_core.cli.values import result_json
from smaply_metrics_core.errors import InputError

if TYPE_CHECKING:
    from smaply_metrics_core.bundle_check import BundleCheck, Checked, Fact
    from smaply_metrics_core.bundle_reading import BundleReader
    from smaply_metrics_core.models.result import Result
    from smaply_metrics_core.sources import Source

app = typer.Typer(help="What is in a debug bundle.")
app.callback()(spread(before_command))

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
@spread
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `debug-export` has written.")],
    invocation: Invocation,
) -> None:
    """Calculate every metric of a bundle anew.

    From its raw data alone, without a network, and show it against what was stored. Ends with 1
    when a value differs or cannot be calculated.
    """
    from smaply_metrics_core.bundle_check import check_bundle  # Loads Polars: only on use.

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
    from smaply_metrics_core.bundle_reading import open_bundle  # Only on use.
    from smaply_metrics_core.sources.folders import private_folder

    with ExitStack() as opened:
        folder = opened.enter_context(private_folder())
        try:
            reader = opened.enter_context(open_bundle(file, folder))
        except InputError as error:
            raise WrongUsage(error.message, error.remedy) from None
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


def _metric_json(checked: Checked) -> dict[str, Any]:
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
    say(text("Survey     ", "bold"), f"{manifest.source} {manifest.survey_id}")
    say(text("Made       ", "bold"), moment(manifest.made_at, manifest.zone))
    now = _installed(source)
    before = {name: found.versions.get(name, "in another version") for name in now}
    for title, versions in (("Made by    ", before), ("Checked by ", now)):
        names = ", ".join(f"{name} {version}" for name, version in versions.items())
        say(text(title, "bold"), names)
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
    say()
    show(made)
    for checked in found.metrics:
        _show_details(checked)
    for problem in found.problems:
        say()
        say(text("While the bundle was made", "bold"))
        say_problem(problem)
    for one in found.exchange:
        said = f"{one.method} {one.path}: {one.status or one.error or 'no answer'}"
        say(said, f" (request id {one.request_id})" if one.request_id else "", style="dim")


def _value(result: Result | None) -> str:
    if result is None:
        return "—"
    current = result.current
    return f"{format_value(result.unit, current.value)} ({current.answered:,})"


def _show_details(checked: Checked) -> None:
    attempt = checked.bundled.attempt
    problem = attempt.problem if attempt is not None else None
    if not (checked.differences or checked.error or problem):
        return
    say()
    say(text(checked.bundled.metric.name, "bold"))
    for difference in checked.differences[:MOST_SHOWN]:
        said = f"{difference.what}: {_said(difference.stored)} stored, "
        say(said, f"{_said(difference.recomputed)} recomputed", indent=2)
    more = len(checked.differences) - MOST_SHOWN
    if more > 0:
        say(f"and {more:,} more", indent=2)
    if checked.error is not None:
        say("Recomputing it:")
        say_problem(checked.error)
    if problem is not None:
        say("Its last update:")
        say_problem(problem)


def _said(fact: Fact) -> str:
    return "nothing" if fact is None else str(fact)
