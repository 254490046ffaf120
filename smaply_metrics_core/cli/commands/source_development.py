"""``source new|test|record``: commands for authors of sources."""

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
from smaply_metrics_core.extras import require_extra

if TYPE_CHECKING:  # Loads pytest and vcrpy.
    from smaply_metrics_core.testing import SourceContract
    from smaply_metrics_core.testing.recording.recorder import Recorded, RecordingChange
    from smaply_metrics_core.testing.suite.runner import ContractTestResult

app = typer.Typer()

CONTRACT_HELP = (
    "The contract class, by module or file, for example tests/test_contract.py:TestAcme."
)
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "dim")}


@app.command("new")
@option_groups
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The ID of the source, for example paper_birds.")
    ],
    invocation: CommandContext,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Parent folder of the new distribution. Default: the current folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Create a distribution with a new source.

    The new source passes its contract tests without a change.
    """
    from smaply_metrics_core.sources.registry import SourceRegistry  # Imported on use, as below.
    from smaply_metrics_core.testing.scaffold.generator import write_source

    folder = (output or Path()) / name
    written = write_source(name, folder)
    rivals = sorted({one.distribution for one in SourceRegistry().states() if one.id == name})
    if invocation.wants_json:
        files = [str(path) for path in written]
        print_json({"folder": str(folder), "files": files, "rivals": rivals})
        return
    print_text(text("✓ ", "green"), f"{folder}: {len(written)} files.")
    if rivals:
        print_text(
            f"The ID {name} is taken by {', '.join(rivals)}, which is installed. While both are "
            "installed, neither can be used.",
            style="yellow",
        )
    print_text(
        f'Next: pip install -e "{folder}[test]", then run pytest in this folder. See its README.'
    )


@app.command("test")
@option_groups
def run_contract(
    contract: Annotated[str, typer.Argument(metavar="MODULE:CLASS", help=CONTRACT_HELP)],
    invocation: CommandContext,
    source: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="ID of an installed source to test instead of the source of the class.",
            show_default=False,
        ),
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Debug bundle to replay as a further test.", show_default=False
        ),
    ] = None,
) -> None:
    """Run the contract tests of a class.

    The exit code is 1 if a test fails.
    """
    if bundle is not None:
        require_extra("testing", "vcr")
    from smaply_metrics_core.testing.import_string import import_contract  # Imported on use.
    from smaply_metrics_core.testing.suite.runner import run_tests

    keep_stdout()
    with import_contract(contract) as named:
        found = type(named.__name__, (named,), {"source": source}) if source else named
        verdicts = []
        for verdict in run_tests(found):
            verdicts.append(verdict)
            if not invocation.wants_json:
                _print_test_result(verdict)
        if bundle is not None:
            from smaply_metrics_core.testing.recording.bundle_cassette import run_bundle

            try:
                verdicts.append(run_bundle(found, bundle.absolute()))
            except InputError as error:
                raise CommandLineError(error.message, error.remedy) from None
            if not invocation.wants_json:
                _print_test_result(verdicts[-1])
        if invocation.wants_json:
            print_json(_tested(found, verdicts))
    if any(verdict.outcome == "failed" for verdict in verdicts):
        raise typer.Exit(1)


def _print_test_result(verdict: ContractTestResult) -> None:
    mark, color = MARKS.get(verdict.outcome, ("!", "yellow"))
    print_text(text(f"{mark} ", color), text(verdict.test, "bold"))
    for line in verdict.message.splitlines():
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
                "asks": verdict.rule,
                "outcome": verdict.outcome,
                "said": verdict.message.partition("\nFix: ")[0],
                "fix": verdict.message.rpartition("\nFix: ")[2]
                if verdict.outcome == "failed"
                else "",
            }
            for verdict in verdicts
        ],
    }


@app.command("record")
@option_groups
def record(
    source: Annotated[
        str,
        typer.Argument(
            metavar="ID|MODULE:CLASS",
            help="The ID of a source, whose contract class is in a test_contract.py below tests/, "
            "or the class itself.",
        ),
    ],
    invocation: CommandContext,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the recordings. Default: `cassettes` of the class.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Report changes since the last recording and store nothing.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Record the responses that contract tests replay.

    The requests use the credentials of the contract class. With `--check`, the exit code is 1 if a
    field was removed or changed its type.
    """
    require_extra("testing", "vcr", "pytest")
    from smaply_metrics_core.testing.import_string import find_contract, import_contract
    from smaply_metrics_core.testing.recording import recorder

    keep_stdout()
    contract = source if ":" in source else find_contract(source, Path("tests"))
    with import_contract(contract) as found:
        folder = output or found.cassettes
        if folder is None:
            raise CommandLineError(
                f"{found.__name__} has no folder for recordings.", "Choose one with --output DIR."
            )
        if check:
            changes = recorder.check(found, folder.absolute())
            _print_changes(changes, as_json=invocation.wants_json)
            if any(change.breaks for change in changes):
                raise typer.Exit(1)
            return
        try:
            recorded = recorder.record(found, folder.absolute())
        except AssertionError as error:
            raise InputError(
                str(error).rpartition("\n")[0],
                remedy="Fix the error and record again; the old recordings are unchanged.",
            ) from None
        _print_recorded(recorded, as_json=invocation.wants_json)


def _print_changes(changes: tuple[RecordingChange, ...], *, as_json: bool) -> None:
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
        print_text("All responses match the recordings.")
    for one in changes:
        color = "red" if one.breaks else "green"
        print_text(text(f"{one.what} ", color), f"{one.cassette}: {one.request} {one.path}")
        print_text(f"was {one.was or 'absent'}, now {one.now or 'absent'}", indent=2)


def _print_recorded(recorded: Recorded, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "cassettes": [str(path) for path in recorded.paths],
                "left_out": list(recorded.unstored_fields),
            }
        )
        return
    for path in recorded.paths:
        print_text(f"{path.name} {path.stat().st_size / 1000:.0f} kB")
    if recorded.unstored_fields:
        print_text("Fields that the recording policy excludes:", style="dim")
        print_text(", ".join(recorded.unstored_fields), indent=2, style="dim")
