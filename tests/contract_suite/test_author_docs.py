"""The documentation for authors is correct: signatures, examples, and the code of the tutorial."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from smaply_metrics_core import hookspecs, testing
from smaply_metrics_core.hookspecs import OPTIONAL
from smaply_metrics_core.sources.loader import contract
from tests.docs.generated_parts import FILES, file_text
from tests.docs.tutorial_steps import Write, steps

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GARDEN = ROOT / "plugins" / "form_garden"


def page(name: str) -> str:
    """Return the text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("hook", contract())
def test_a_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    """The section of a hook contains its signature and the first line of its docstring."""
    source = inspect.getsource(getattr(hookspecs, hook))
    signature = re.search(r"^def (?:.|\n)*?\) -> .*?:", source, re.MULTILINE)
    assert signature is not None
    written = re.sub(r"  # type: ignore\[[a-z-]+\]", "", signature[0])
    section = page("hooks.md").partition(f"## `{hook}`\n")[2].partition("\n## ")[0]
    assert f"```python\n{written}\n```" in section
    docstring = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert docstring.partition("\n")[0].replace("``", "`") in section


def test_each_hook_links_to_sources_that_use_it() -> None:
    """The links of a section lead to files that define the hook."""
    for hook in contract():
        section = page("hooks.md").partition(f"## `{hook}`\n")[2].partition("\n## ")[0]
        links = re.findall(r"\]\((\.\./plugins/[^)]+)\)", section)
        assert links, hook
        for link in links:
            assert f"def {hook}(" in (DOCS / link).resolve().read_text(encoding="utf-8"), link


def test_the_public_names_for_tests_are_documented() -> None:
    """The table of testing.md has each public name of `smaply_metrics_core.testing` once."""
    _, _, after = page("testing.md").partition("The public names of `smaply_metrics_core.testing`:")
    rows = re.findall(r"^\| (`.*`) \| .* \|$", after.partition("\n## ")[0], re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(names) == sorted(testing.__all__)


def pieces() -> dict[str, str]:
    """Return the code of the tutorial by its files."""
    return {one.file: one.text for one in steps(DOCS / "tutorial.md") if isinstance(one, Write)}


def statements(text: str) -> list[str]:
    """Return the statements of a file, sorted; without its docstring."""
    body = ast.parse(text).body
    return sorted(ast.unparse(one) for one in body if not isinstance(one, ast.Expr))


@pytest.mark.parametrize("file", FILES)
def test_the_pieces_of_a_file_are_the_whole_file(file: str) -> None:
    """A reader who copies all pieces of a file has the file of the tested source."""
    assert statements(pieces()[FILES[file]]) == statements(file_text(file))


def test_the_tutorial_shows_every_mandatory_hook() -> None:
    """Only the optional hooks are missing."""
    code = "\n".join(pieces().values())
    assert {hook for hook in contract() if f"def {hook}(" not in code} == OPTIONAL
