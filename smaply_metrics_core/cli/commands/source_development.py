"""``test-source``, ``record``, ``new-source``: for authors of sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smaply_metrics_core.cli.command_context import CommandContext
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text
from smaply_metrics_core.cli.stdio import keep_stdout
from smaply_metrics_core.errors import InputError

if TYPE_CHECKING:
    from smaply_metrics_core.testing.recording.recorder import Recorded, RecordingChange
    from smaply_metrics_core.testing.suite.contract import SourceContract
    from smaply_metrics_core.testing.suite.runner import ContractTestResult

app = typer.Typer()

CONTRACT = typer.Argument(
    metavar="MODULE:CLASS",
    help="The contract class, by module or by file: tests/test_contract.py:TestAcme.",
)
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "dim")}


@app.command("test-source")
@option_groups
def try_source(
    contract: Annotated[str, CONTRACT],
    invocation: CommandContext,
    source: Annotated[
        str, typer.Option(metavar="ID", help="Test this installed source with the class's facts.")
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Play what is in this debug bundle as well."),
    ] = None,
) -> None:
    """Run the contract tests of a class, without a test runner.

    Ends with 1 when one fails.
    """
    from smaply_metrics_core.testing.import_string import import_contract
    from smaply_metrics_core.testing.recording.bundle_cassette import run_bundle  # Only on use.
    from smaply_metrics_core.testing.suite.runner import run_tests

    keep_stdout()
    with import_contract(contract) as named:
        found = type(named.__name__, (named,), {"source": source}) if source else named
        verdicts = []
        for verdict in run_tests(found):
            verdicts.append(verdict)
            if not invocation.wants_json:
                _say_verdict(verdict)
        if bundle is not None:
            try:
                verdicts.append(run_bundle(found, bundle.absolute()))
            except InputError as error:
                raise CommandLineError(error.message, error.remedy) from None
            if not invocation.wants_json:
                _say_verdict(verdicts[-1])
        if invocation.wants_json:
            print_json(_tested(found, verdicts))
    if any(verdict.outcome == "failed" for verdict in verdicts):
        raise typer.Exit(1)


def _say_verdict(verdict: ContractTestResult) -> None:
    mark, color = MARKS.get(verdict.outcome, ("!", "yellow"))
    print_text(text(f"{mark} ", color), text(verdict.test, "bold"))
    for line in verdict.said.splitlines():
        print_text(line, indent=2)


def _tested(contract: type[SourceContract], verdicts: list[ContractTestResult]) -> dict[str, Any]:
    def of(outcome: str) -> int:
        return sum(verdict.outcome == outcome for verdict in verdicts)

    return {
        "contract": contract.__name__,
        "passed": of("passed"),
        "failed": of("failed"),
        "skipped": of("skipped"),
        "exceptions": dict(contract.exceptions),
        "tests": [
            {
                "test": verdict.test,
                "asks": verdict.asks,
                "outcome": verdict.outcome,
                "said": verdict.said.partition("\nFix: ")[0],
                "fix": verdict.said.rpartition("\nFix: ")[2] if verdict.outcome == "failed" else "",
            }
            for verdict in verdicts
        ],
    }


@app.command()
@option_groups
def record(
    contract: Annotated[str, CONTRACT],
    invocation: CommandContext,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The folder of the recordings. Default: the class's `cassettes`."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Keep nothing: say what has changed since the recording."),
    ] = False,
) -> None:
    """Record the answers that contract tests play, from where the class's credentials lead.

    With `--check`, ends with 1 when a field is gone or of another type.
    """
    from smaply_metrics_core.testing.import_string import import_contract
    from smaply_metrics_core.testing.recording import recorder  # Needs the extra `testing`.

    keep_stdout()
    with import_contract(contract) as found:
        folder = to or found.cassettes
        if folder is None:
            raise CommandLineError(
                f"{found.__name__} has no folder of recordings.", "Give one with --to DIR."
            )
        if check:
            changes = recorder.check(found, folder.absolute())
            _tell_changes(changes, as_json=invocation.wants_json)
            if any(change.breaks for change in changes):
                raise typer.Exit(1)
            return
        try:
            recorded = recorder.record(found, folder.absolute())
        except AssertionError as error:
            raise InputError(
                str(error).rpartition("\n")[0],
                remedy="Mend what fails, and record again: the old recordings are still there.",
            ) from None
        _tell_recorded(recorded, as_json=invocation.wants_json)


def _tell_changes(changes: tuple[RecordingChange, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                what: [
                    {
                        "cassette": one.cassette,
                        "request": one.request,
                        "path": one.path,
                        "was": one.was,
                        "now": one.now,
                    }
                    for one in changes
                    if one.what == what
                ]
                for what in ("added", "removed", "changed")
            }
        )
        return
    if not changes:
        print_text("Everything answers in the form in which it was recorded.")
    for one in changes:
        color = "red" if one.breaks else "green"
        print_text(text(f"{one.what} ", color), f"{one.cassette}: {one.request} {one.path}")
        print_text(f"was {one.was or 'not there'}, is {one.now or 'not there'}", indent=2)


def _tell_recorded(recorded: Recorded, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "cassettes": [str(path) for path in recorded.paths],
                "left_out": list(recorded.left_out),
            }
        )
        return
    for path in recorded.paths:
        print_text(f"{path.name} {path.stat().st_size / 1000:.0f} kB")
    if recorded.left_out:
        print_text("Fields that were not stored, as the policy does not name them: ", style="dim")
        print_text(", ".join(recorded.left_out), indent=2, style="dim")


@app.command("new-source")
@option_groups
def new_source(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The id of the source, as in paper_birds.")
    ],
    invocation: CommandContext,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where its folder is made. Default: here."),
    ] = None,
) -> None:
    """Write the distribution of a new source, which passes its contract tests as it is."""
    from smaply_metrics_core.sources import SourceRegistry  # Only on use.
    from smaply_metrics_core.testing.scaffold.generator import write_source

    folder = (to or Path()) / name
    written = write_source(name, folder)
    rivals = sorted({one.distribution for one in SourceRegistry().states() if one.id == name})
    if invocation.wants_json:
        files = [str(path) for path in written]
        print_json({"folder": str(folder), "files": files, "rivals": rivals})
        return
    print_text(text("✓ ", "green"), f"{folder}: {len(written)} files.")
    if rivals:
        print_text(
            f"The id {name} is taken by {', '.join(rivals)}, which is installed here: beside it "
            "neither is used.",
            style="yellow",
        )
    print_text(
        f'Next: pip install -e "{folder}[test]", then pytest in it. Its README says the rest.'
    )
