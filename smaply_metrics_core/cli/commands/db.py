"""``db upgrade|check|backup``: the tables of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.errors import REFUSED
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("upgrade")
@option_groups
def upgrade(invocation: CommandContext) -> None:
    """Create the tables of the store or upgrade them to this release.

    Every process also does this when it starts. A fleet runs this command once before its processes
    start; processes that start during an upgrade wait for it.
    """
    with invocation.open(hint=False) as opened:
        done = opened.host.upgraded
    if invocation.wants_json:
        answer: dict[str, Any] = {"before": done.before, "after": done.after}
        print_json(answer)
    elif done.before == done.after:
        print_text("The tables are up to date: version ", text(done.after, "bold"), ".")
    elif done.before is None:
        print_text("Created the tables: version ", text(done.after, "bold"), ".")
    else:
        print_text(
            "Upgraded the tables from version ", done.before, " to ", text(done.after, "bold"), "."
        )


@app.command("check")
@option_groups
def check(invocation: CommandContext) -> None:
    """Check the store without changing it.

    Checks the version of the tables, that they are those of this release, and in SQLite that the
    file and its rows are not damaged. The exit code is 1 if something is wrong. `key check` checks
    that the credentials can be decrypted.
    """
    from smaply_metrics_core.host import check_store  # Imported on use: it loads the host.

    done = check_store(invocation.settings())
    if invocation.wants_json:
        print_json(done.model_dump(mode="json"))
    elif not done.findings:
        print_text("The store is sound: version ", text(done.supported, "bold"), ".")
    else:
        for finding in done.findings:
            print_text(text("✗ ", "red"), finding.message)
            print_text("→ ", finding.remedy)
    if done.findings:
        raise typer.Exit(REFUSED)


@app.command("backup")
@option_groups
def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet.")
    ],
    invocation: CommandContext,
) -> None:
    """Copy a SQLite store into a file; processes may continue to use it.

    The copy has encrypted credentials, but no keys: back these up separately. For PostgreSQL, use
    pg_dump.
    """
    from smaply_metrics_core.host import back_up_store  # Imported on use, as above.

    size = back_up_store(invocation.settings(), file.absolute())
    if invocation.wants_json:
        print_json({"backup": str(file.absolute()), "bytes": size})
        return
    print_text("Written: ", text(str(file.absolute()), "bold"), f" ({size:,} bytes)")
