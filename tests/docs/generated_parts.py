"""Writes the parts of pages that are made from the code: ``make docs-generated``.

A part is between two comments: ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from smaply_metrics_core import hookspecs
from smaply_metrics_core.host import CALCULATIONS
from smaply_metrics_core.testing.scaffold.generator import ToolKind, write_source
from smaply_metrics_csv_example.source import CsvSource
from smaply_metrics_sql.source import SqlSource
from tests.docs.hook_results import result

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
GARDEN: Final = ROOT / "plugins" / "form_garden"
FILES: Final = {
    "server": "tests/form_garden_server.py",
    "contract": "tests/test_contract.py",
    "api": "src/smaply_metrics_form_garden/api.py",
    "questionnaire": "src/smaply_metrics_form_garden/questionnaire.py",
    "source": "src/smaply_metrics_form_garden/source.py",
}
"""The files that the tutorial builds."""
SCAFFOLD_NAME: Final = "paper_birds"
"""The source that the tutorial for a tool with a login creates."""
PART: Final = re.compile(
    r"(?P<begin><!-- generated: (?P<kind>\w+) ?(?P<names>[\w. ]*) -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL,
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
    """Return how the CSV example implements a hook, or else the SQL source."""
    source = CsvSource if hasattr(CsvSource, hook) else SqlSource
    code = textwrap.dedent(inspect.getsource(getattr(source, hook)))
    return f"\n```python\n{code}```\n\n"


def calculations() -> str:
    """Return a section for each calculation."""
    parts = []
    for name, one in CALCULATIONS.items():
        text = f"{' '.join(one.definition.split())} Unit: {one.unit}. Needs {one.needs}."
        example = "" if one.example is None else f"Example: {one.example.working}\n\n"
        parts.append(f"### {one.title} (`{name}`)\n\n{textwrap.fill(text, WIDTH)}\n\n{example}")
    return "\n" + "".join(parts)


def file_text(file: str) -> str:
    """Return a file of the tutorial, as it is in a project of its own."""
    text = (GARDEN / FILES[file]).read_text(encoding="utf-8")
    return text.replace("from plugins.form_garden.tests.", "from ")


def name_of(node: ast.stmt) -> str:
    """Return the name that a statement defines; empty if it defines none."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case _:
            return ""


def code(file: str, *names: str) -> str:
    """Return definitions of a file of the tutorial."""
    return definitions(file_text(file), names)


@cache
def scaffold(kind: str) -> Mapping[str, str]:
    """Return the files of a new source by their names, without folders."""
    with TemporaryDirectory() as folder:
        written = write_source(SCAFFOLD_NAME, Path(folder) / "new", ToolKind(kind))
        return {path.name: path.read_text(encoding="utf-8") for path in written}


def login(file: str, *names: str) -> str:
    """Return definitions of a file of the scaffold of a tool with a login."""
    module = file.replace("server", f"{SCAFFOLD_NAME}_server")
    return definitions(scaffold("login")[f"{module}.py"], names)


def definitions(text: str, names: Sequence[str]) -> str:
    """Return definitions of a module.

    A name is that of a function, a class or a constant; `imports`; `Class.method`; or
    `Class..method`: the beginning of the class up to the end of that method.
    """
    lines = text.splitlines()
    body = ast.parse(text).body

    def span(name: str) -> tuple[int, int]:
        if name == "imports":
            nodes = [one for one in body if isinstance(one, ast.Import | ast.ImportFrom)]
            return nodes[0].lineno, nodes[-1].end_lineno or 0
        outer, dots, inner = re.fullmatch(r"(\w+)(\.*)(\w*)", name).groups()  # type: ignore[union-attr]
        (node,) = (one for one in body if name_of(one) == outer)
        first = node
        if inner:
            assert isinstance(node, ast.ClassDef)
            (node,) = (one for one in node.body if name_of(one) == inner)
            first = node if dots == "." else first
        decorators = getattr(first, "decorator_list", [])
        return min([first, *decorators], key=lambda one: one.lineno).lineno, node.end_lineno or 0

    pieces: list[str] = []
    last = 0
    for name in names:
        begin, end = span(name)
        apart = "" if not pieces else "\n" if begin - last == 1 else "\n" * min(begin - last, 3)
        pieces.append(apart + "\n".join(lines[begin - 1 : end]))
        last = end
    return f"\n```python\n{''.join(pieces)}\n```\n\n"


PAGES: Final = ("calculations.md", "hooks.md", "tutorial-login.md", "tutorial.md")
"""The pages that have such parts."""

KINDS: Final[dict[str, Callable[..., str]]] = {
    "calculations": calculations,
    "code": code,
    "example": example,
    "login": login,
    "result": result,
    "signature": signature,
}


def parts(page: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each part of a page: its kind, and what it is of."""
    for match in PART.finditer((DOCS / page).read_text(encoding="utf-8")):
        yield match["kind"], match["names"].split()


def filled(page: str) -> str:
    """Return a page with its parts made again."""

    def part(match: re.Match[str]) -> str:
        return match["begin"] + KINDS[match["kind"]](*match["names"].split()) + match["end"]

    return PART.sub(part, (DOCS / page).read_text(encoding="utf-8"))


def main() -> None:
    """Write the parts of all pages."""
    for page in PAGES:
        (DOCS / page).write_text(filled(page), encoding="utf-8")


if __name__ == "__main__":
    main()
