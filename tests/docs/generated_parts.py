"""Writes the parts of pages that are made from the code: ``make docs-generated``.

A part is between two comments: ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smaply_metrics_core import hookspecs
from smaply_metrics_core.host import CALCULATIONS
from smaply_metrics_core.sources.loader import contract
from smaply_metrics_csv_example.source import CsvSource

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PART: Final = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[\w -]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)
WIDTH: Final = 100


def signature(hook: str) -> str:
    """Return the definition of a hook, and its docstring as Markdown."""
    function = getattr(hookspecs, hook)
    found = re.search(r"^def (?:.|\n)*?\) -> .*?:", inspect.getsource(function), re.MULTILINE)
    assert found is not None
    code = re.sub(r"  # type: ignore\[[a-z-]+\]", "", found[0])
    text = (inspect.getdoc(function) or "").replace("``", "`")
    return f"\n```python\n{code}\n```\n\n{text}\n\n"


def example(hook: str) -> str:
    """Return how the CSV example implements a hook."""
    code = textwrap.dedent(inspect.getsource(getattr(CsvSource, hook)))
    return f"\n```python\n{code}```\n\n"


def calculations() -> str:
    """Return a section for each calculation."""
    parts = []
    for name, one in CALCULATIONS.items():
        text = f"{' '.join(one.definition.split())} Unit: {one.unit}. Needs {one.needs}."
        parts.append(
            f"### {one.title} (`{name}`)\n\n{textwrap.fill(text, WIDTH)}\n\n"
            f"Example: {one.example.working}\n\n"
        )
    return "\n" + "".join(parts)


PARTS: Final[dict[str, dict[str, Callable[[], str]]]] = {
    "calculations.md": {"calculations": calculations},
    "hooks.md": {
        f"{kind} {hook}": (lambda make=make, hook=hook: make(hook))
        for hook in contract()
        for kind, make in (("signature", signature), ("example", example))
    },
}
"""The parts of each page."""


def filled(page: str) -> str:
    """Return a page with its generated parts made anew."""
    parts = dict(PARTS[page])

    def part(match: re.Match[str]) -> str:
        return match["begin"] + parts.pop(match["name"])() + match["end"]

    text = PART.sub(part, (DOCS / page).read_text(encoding="utf-8"))
    if parts:
        raise ValueError(f"{page} has no part {', '.join(parts)}")
    return text


def main() -> None:
    """Write the parts of all pages."""
    for page in PARTS:
        (DOCS / page).write_text(filled(page), encoding="utf-8")


if __name__ == "__main__":
    main()
