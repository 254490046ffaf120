"""Writes the table of causes in docs/troubleshooting.md: ``make docs-generated``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from tests.bad_input import causes_data, causes_refreshing, causes_saving
from tests.bad_input.cause import CAUSES, Cause, Seen, Where, see
from tests.bad_input.connected_account import a_world, write_surveys

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
BEGIN: Final = "<!-- The table is made by `make docs-generated`, from tests/bad_input. -->\n"
END: Final = "<!-- Here the table ends. -->\n"
HEAD: Final = (
    "| Cause | Where | Issue | What people see | What to do |\n| --- | --- | --- | --- | --- |\n"
)
MODULES: Final = [module.__name__ for module in (causes_saving, causes_refreshing, causes_data)]
ORDERED: Final = sorted(
    CAUSES,
    key=lambda cause: (
        list(Where).index(cause.where),
        MODULES.index(cause.bring_about.__module__),
    ),
)
"""Every cause, in the order of the table: by where people meet it."""


def row(cause: Cause, seen: Seen) -> str:
    """Write one row."""
    issue = seen.issue.replace("_", " ").capitalize() if seen.issue else "—"
    cells = (cause.title, cause.where, issue, seen.message, seen.remedy)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def rows() -> list[str]:
    """Give the rows that the page has now."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table, end, _ = rest.partition(END)
    if not end or not table.startswith(HEAD):
        raise ValueError(f"{PAGE.name} has lost its table or the marks around it")
    return table.removeprefix(HEAD).splitlines(keepends=True)


def main() -> None:
    """Bring about every cause and write what is seen into the page."""
    with tempfile.TemporaryDirectory() as folder:
        surveys = write_surveys(Path(folder))
        found = []
        for number, cause in enumerate(ORDERED):
            with a_world(surveys, Path(folder) / str(number)) as world:
                found.append(row(cause, see(cause, world)))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}{HEAD}{''.join(found)}{END}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
