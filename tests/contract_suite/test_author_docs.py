"""The documentation for authors is correct: signatures, rules, and the code of the tutorial."""

from __future__ import annotations

import inspect
import re
import shlex
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smaply_metrics_core import hookspecs, testing
from smaply_metrics_core.cli.app import app
from smaply_metrics_core.sources.loader import contract
from smaply_metrics_core.testing import SourceContract

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
    """The section of a hook contains its definition, and the first line of its docstring."""
    source = inspect.getsource(getattr(hookspecs, hook))
    signature = re.search(r"^def (?:.|\n)*?\) -> .*?:", source, re.MULTILINE)
    assert signature is not None
    written = re.sub(r"  # type: ignore\[[a-z-]+\]", "", signature[0])
    section = page("hooks.md").partition(f"## `{hook}`\n")[2].partition("\n## ")[0]
    assert f"```python\n{written}\n```" in section
    said = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert said.partition("\n")[0].replace("``", "`") in section


def test_each_hook_links_to_sources_that_use_it() -> None:
    """The links of a section lead to files that define the hook."""
    for hook in contract():
        section = page("hooks.md").partition(f"## `{hook}`\n")[2].partition("\n## ")[0]
        links = re.findall(r"\]\((\.\./plugins/[^)]+)\)", section)
        assert links, hook
        for link in links:
            assert f"def {hook}(" in (DOCS / link).resolve().read_text(encoding="utf-8"), link


def test_there_is_a_section_for_each_rule_and_no_other() -> None:
    """A rule has the docstring of its test, a reason, and how to follow it."""
    sections = dict(
        re.findall(r"^## `(test_\w+)`\n((?:.|\n)*?)(?=^## |\Z)", page("rules.md"), re.MULTILINE)
    )
    tests = {name: getattr(SourceContract, name) for name in dir(SourceContract)}
    assert set(sections) == {name for name in tests if name.startswith("test_")}
    for name, section in sections.items():
        assert tests[name].__doc__.strip() in section, name
        assert re.search(r"^\*\*Why\.\*\* \S", section, re.MULTILINE), name
        assert re.search(r"^\*\*Keep it\.\*\* \S", section, re.MULTILINE), name


def test_the_public_names_for_tests_are_documented() -> None:
    """The table of testing.md has each public name of `smaply_metrics_core.testing` once."""
    _, _, after = page("testing.md").partition("The public names of `smaply_metrics_core.testing`:")
    rows = re.findall(r"^\| (`.*`) \| .* \|$", after.partition("\n## ")[0], re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(names) == sorted(testing.__all__)


def pieces() -> list[tuple[str, str]]:
    """Return the code blocks of the tutorial, each with the file that is named last before it."""
    found, file = [], ""
    for part in re.finditer(
        r"^```python\n(?P<code>.*?)^```|`(?P<file>(?:src|tests)/[\w/]+\.py)`",
        page("tutorial.md"),
        re.MULTILINE | re.DOTALL,
    ):
        file = part["file"] or file
        if part["code"]:
            found.append((file, part["code"]))
    return found


def code_of(file: str) -> str:
    """Return the code of a file of the completed source, as it is in a project of its own."""
    code = (GARDEN / file).read_text(encoding="utf-8")
    return code.replace("from plugins.form_garden.tests.", "from ")


@pytest.mark.parametrize(("file", "piece"), pieces())
def test_a_piece_of_the_tutorial_is_a_slice_of_the_named_file(file: str, piece: str) -> None:
    """Each code block occurs in the file of the tested source, with any indentation."""
    code = code_of(file)
    indented = (textwrap.indent(piece, "    " * depth) for depth in (0, 1))
    assert any(one in code for one in indented)


def test_the_tutorial_shows_every_mandatory_hook_and_the_imports_of_each_file() -> None:
    """A reader who copies all pieces has the hooks, and the names that they use."""
    shown = pieces()
    code = "\n".join(piece for _, piece in shown)
    files = [file for file, piece in shown if piece.startswith("from __future__")]
    assert [hook for hook in contract() if f"def {hook}(" not in code] == ["recompute_metric"]
    assert sorted(files) == sorted({file for file, _ in shown})


COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks("tutorial.md", "console")
    for line in block.splitlines()
]
PROVEN_FROM_WHEELS = ("cd form_garden", "pip install", "pytest", "mypy")
"""Run in a new environment, and in the folder written, by tests/structure/test_scaffold.py."""


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=pytest.mark.deep(reason="runs the suite of the tutorial's source"))
        if " source test " in line
        else line
        for line in COMMANDS
    ],
)
def test_a_command_of_the_tutorial_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command exits with 0."""
    if line.startswith(PROVEN_FROM_WHEELS):
        return
    program, *arguments = shlex.split(line)
    assert program == "smaply-metrics"
    monkeypatch.chdir(tmp_path if arguments[:2] == ["source", "new"] else GARDEN)
    result = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "name", ["tutorial.md", "hooks.md", "rules.md", "testing.md", "plugins.md"]
)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link leads to a file, and every anchor to a heading."""
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)", page(name)):
        file = (DOCS / target).resolve() if target else DOCS / name
        assert file.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
            assert anchor.removeprefix("#") in known, anchor
