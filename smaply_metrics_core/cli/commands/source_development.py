"""``source test|record``: the contract tests of a source, and their recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
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
    from smaply_metrics_core.testing.recording.recorder import (
        Recorded,
        RecordingChange,
        RecordingFinding,
    )
    from smaply_metrics_core.testing.suite.runner import ContractTestResult

app = typer.Typer()

CONTRACT_HELP = (
    "The contract class, by module or file, for example tests/test_contract.py:TestAcme."
)
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "dim")}


@app.command("test")
@option_groups
def run_contract(  # noqa: PLR0917  # The options of the command.
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
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Run only the tests whose names contain this text. Repeatable.",
            show_default=False,
        ),
    ] = None,
    exitfirst: Annotated[
        bool,
        typer.Option("--exitfirst", "-x", help="Stop at the first failure.", show_default=False),
    ] = False,
    durations: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Print the N slowest tests at the end.", show_default=False
        ),
    ] = 0,
) -> None:
    """Run the contract tests of a class, the quick ones first.

    The exit code is 1 if a test fails.
    """
    if bundle is not None:
        require_extra("testing", "vcr")
    from smaply_metrics_core.testing.import_string import import_contract  # Imported on use.
    from smaply_metrics_core.testing.suite.runner import contract_test_names, run_tests

    keep_stdout()
    with import_contract(contract) as named:
        found = type(named.__name__, (named,), {"source": source}) if source else named
        names = _selected(contract_test_names(found), only or [])
        verdicts = []
        for verdict in run_tests(found, names):
            verdicts.append(verdict)
            if not invocation.wants_json:
                _print_test_result(verdict)
            if exitfirst and verdict.outcome == "failed":
                break
        stopped = exitfirst and any(verdict.outcome == "failed" for verdict in verdicts)
        if bundle is not None and not stopped:
            from smaply_metrics_core.testing.recording.bundle_cassette import run_bundle

            try:
                verdicts.append(run_bundle(found, bundle.absolute()))
            except InputError as error:
                raise CommandLineError(error.message, error.remedy) from None
            if not invocation.wants_json:
                _print_test_result(verdicts[-1])
        if invocation.wants_json:
            print_json(_tested(found, verdicts, not_run=_not_run(found, verdicts)))
        else:
            _print_slowest(verdicts, durations)
            _print_sample(found)
            _print_counts(verdicts, _not_run(found, verdicts))
    if any(verdict.outcome == "failed" for verdict in verdicts):
        raise typer.Exit(1)


def _print_test_result(verdict: ContractTestResult) -> None:
    mark, color = MARKS.get(verdict.outcome, ("!", "yellow"))
    print_text(text(f"{mark} ", color), text(verdict.test, "bold"))
    for line in verdict.message.splitlines():
        print_text(line, indent=2)
    for warning in verdict.warnings:
        for line in f"Warning: {warning}".splitlines():
            print_text(line, indent=2, style="yellow")


def _selected(names: Sequence[str], only: Sequence[str]) -> tuple[str, ...]:
    """Return the names that contain one of the texts, or all names if there is no text.

    Raises:
        CommandLineError: when no name contains a text.
    """
    for wanted in only:
        if not any(wanted in name for name in names):
            close = get_close_matches(wanted, names, n=1, cutoff=0.3)
            raise CommandLineError(
                f"No test has “{wanted}” in its name.",
                f"For example: --only {close[0]}" if close else "Leave out --only.",
            )
    return tuple(name for name in names if not only or any(wanted in name for wanted in only))


def _not_run(contract: type[SourceContract], verdicts: list[ContractTestResult]) -> int:
    from smaply_metrics_core.testing.suite.runner import contract_test_names

    return len({*contract_test_names(contract)} - {verdict.test for verdict in verdicts})


def _print_slowest(verdicts: list[ContractTestResult], most: int) -> None:
    for verdict in sorted(verdicts, key=lambda one: one.seconds, reverse=True)[:most]:
        print_text(f"{verdict.seconds:7.2f} s  {verdict.test}", style="dim")


def _print_sample(contract: type[SourceContract]) -> None:
    from smaply_metrics_core.testing.suite.runner import sample_note

    if note := sample_note(contract):
        print_text(note, style="yellow")


def _print_counts(verdicts: list[ContractTestResult], not_run: int) -> None:
    counts = Counter(verdict.outcome for verdict in verdicts)
    parts = [f"{counts[outcome]} {outcome}" for outcome in ("failed", "passed") if counts[outcome]]
    parts += [f"{counts[other]} {other}" for other in ("skipped", "excepted") if counts[other]]
    if not_run:
        parts.append(f"{not_run} not run")
    if warned := sum(len(verdict.warnings) for verdict in verdicts):
        parts.append(f"{warned} warning{'s' if warned > 1 else ''}")
    seconds = sum(verdict.seconds for verdict in verdicts)
    print_text(
        f"{', '.join(parts)} in {seconds:.1f} s", style="red" if counts["failed"] else "green"
    )


def _tested(
    contract: type[SourceContract], verdicts: list[ContractTestResult], *, not_run: int
) -> dict[str, Any]:
    counts = Counter(verdict.outcome for verdict in verdicts)
    return {
        "contract": contract.__name__,
        "passed": counts["passed"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
        "not_run": not_run,
        "exceptions": dict(contract.exceptions),
        "fault_sample": str(contract.fault_sample),
        "tests": [
            {
                "test": verdict.test,
                "asks": verdict.rule,
                "outcome": verdict.outcome,
                "seconds": round(verdict.seconds, 3),
                "said": verdict.message.partition("\nFix: ")[0],
                "fix": verdict.message.rpartition("\nFix: ")[2]
                if verdict.outcome == "failed"
                else "",
                "warnings": list(verdict.warnings),
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
            help="Report changes since the last recording, and secrets and personal data in it, "
            "and store nothing.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Record the responses that contract tests replay.

    The requests use the credentials of the contract class. With `--check`, the exit code is 1 if a
    field was removed or changed its type, or a recording contains a secret or personal data.
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
            findings = recorder.sensitive_data(found, folder.absolute())
            changes = recorder.check(found, folder.absolute())
            _print_check(changes, findings, as_json=invocation.wants_json)
            if findings or any(change.breaks for change in changes):
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


def _print_check(
    changes: tuple[RecordingChange, ...], findings: tuple[RecordingFinding, ...], *, as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                **{
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
                },
                "sensitive": [{"cassette": one.cassette, "what": one.what} for one in findings],
            }
        )
        return
    for finding in findings:
        print_text(text("sensitive ", "red"), f"{finding.cassette}: {finding.what}")
    if not changes:
        print_text("All responses match the recordings.")
    for one in changes:
        color = "red" if one.breaks else "green"
        of = f"{one.cassette}: {one.request} " if one.cassette else "policy: "
        print_text(text(f"{one.what} ", color), f"{of}{one.path}")
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
