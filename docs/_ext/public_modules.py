"""The directive ``public-names``: the names of one kind that a public module exports.

An object that several public modules export is described once, on the page of the module in its
``__module__``; the pages of the others link to it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from smaply_metrics_core.public_names import PUBLIC_MODULES

KINDS = ("Functions", "Classes", "Exceptions", "Types and constants", "Shared names")
SHOWN_VALUE = 60
"""The longest value of a constant that is shown, in characters."""


def kind(module: str, name: str, found: object) -> str:
    """Return the heading below which a name is described."""
    if module_of(found) not in {None, module} and module_of(found) in PUBLIC_MODULES:
        return "Shared names"
    if inspect.isclass(found):
        return "Exceptions" if issubclass(found, BaseException) else "Classes"
    if inspect.isfunction(found):
        return "Functions"
    if first_door(name, found) != module:
        return "Shared names"
    return "Types and constants"


def module_of(found: object) -> str | None:
    """Return the module in which a class or a function is shown, or `None` for other objects."""
    return found.__module__ if isinstance(found, type) or inspect.isfunction(found) else None


def first_door(name: str, found: object) -> str:
    """Return the first public module that exports an object under a name."""
    return next(
        door for door in PUBLIC_MODULES if getattr(import_module(door), name, None) is found
    )


@cache
def imported_names(module: str) -> dict[str, tuple[str, str]]:
    """Return the names that a module imports from others: the module, and the name there."""
    file = Path(inspect.getfile(import_module(module)))
    stub = file.with_suffix(".pyi")  # The exports of a public module, which loads them lazily.
    text = (stub if stub.is_file() else file).read_text(encoding="utf-8")
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
    }


def defining_module(module: str, name: str) -> str:
    """Return the module that defines a name, which other modules may import from it."""
    if name in imported_names(module):
        return defining_module(*imported_names(module)[name])
    return module


def constant(module: ModuleType, name: str, found: object) -> Iterator[str]:
    """Yield the description of a constant or a type alias, with the text that follows it."""
    yield f".. py:data:: {name}"
    value = repr(found)
    if isinstance(found, str | int) and len(value) < SHOWN_VALUE:
        yield f"   :value: {value}"
    yield ""
    source = defining_module(module.__name__, name)
    for line in ModuleAnalyzer.for_module(source).find_attr_docs().get(("", name), ()):
        yield f"   {line}"
    yield ""


class PublicNames(SphinxDirective):
    """Describes names: ``.. public-names:: smaply_metrics_core.host Classes``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the descriptions of the exported names of one kind."""
        door, _, heading = self.arguments[0].partition(" ")
        module = import_module(door)
        names = [
            name for name in module.__all__ if kind(door, name, getattr(module, name)) == heading
        ]
        lines = [f".. py:currentmodule:: {door}", "", *self.describe(module, heading, names)]
        parent = nodes.Element()
        self.state.nested_parse(StringList(lines, source=door), 0, parent)
        return parent.children

    @staticmethod
    def describe(module: ModuleType, heading: str, names: list[str]) -> Iterator[str]:
        """Yield the descriptions of the names below one heading."""
        for name in names:
            found = getattr(module, name)
            match heading:
                case "Shared names":
                    door = module_of(found) or first_door(name, found)
                    yield f"- :py:obj:`{name} <{door}.{name}>`"
                case "Types and constants":
                    yield from constant(module, name, found)
                case _:
                    directive = "autofunction" if inspect.isfunction(found) else "autoclass"
                    if heading == "Exceptions":
                        directive = "autoexception"
                    yield f".. {directive}:: {module.__name__}.{name}"
                    if heading == "Exceptions":
                        yield "   :show-inheritance:"
                    if _has_private_methods(found, module.__all__):
                        yield "   :inherited-members: object"
                    if isinstance(found, type) and issubclass(found, Enum):
                        yield "   :undoc-members:"
                    yield ""
        yield ""


def _has_private_methods(found: object, public: list[str]) -> bool:
    """Whether a class inherits methods from a class of ours that is not public.

    Not for the contract suite, whose tests are on a page of their own.
    """
    bases = found.__mro__[1:] if isinstance(found, type) else ()
    names = [
        name
        for base in bases
        if base.__module__.startswith(PUBLIC_MODULES[0]) and base.__name__ not in public
        for name, member in vars(base).items()
        if inspect.isfunction(member) and not name.startswith("_")
    ]
    return bool(names) and not any(name.startswith("test_") for name in names)


def merge_sources(_app: Sphinx) -> None:
    """Let autodoc find the source of objects whose ``__module__`` is a public module.

    Autodoc reads the texts below attributes, and the order of members, from the file of that
    module, which only imports the objects.
    """
    for door in PUBLIC_MODULES:
        merged = ModuleAnalyzer.for_module(door)
        merged.analyze()
        for name in import_module(door).__all__:
            source = defining_module(door, name)
            if source.partition(".")[0] != PUBLIC_MODULES[0]:
                continue
            part = ModuleAnalyzer.for_module(source)
            try:
                part.analyze()
            except PycodeError:  # Sphinx cannot read some annotations, such as f-strings.
                continue
            for table in ("attr_docs", "annotations"):
                mine: dict[tuple[str, str], Any] = getattr(merged, table)
                theirs: dict[tuple[str, str], Any] = getattr(part, table)
                mine.update({k: v for k, v in theirs.items() if k[0].partition(".")[0] == name})
            merged.tagorder.update(
                {k: v for k, v in part.tagorder.items() if k.partition(".")[0] == name}
            )


def escape_bars(*arguments: Any) -> None:  # noqa: ANN401  # The last is the lines.
    """Keep `|x|`, an absolute value, from being read as a substitution of reStructuredText."""
    lines: list[str] = arguments[-1]
    lines[:] = [re.sub(r"\|(\w+)\|", r"\\|\1\\|", line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    for door in PUBLIC_MODULES:
        import_module(door)
    app.add_directive("public-names", PublicNames)
    app.connect("builder-inited", merge_sources)
    app.connect("autodoc-process-docstring", escape_bars)
    return {"parallel_read_safe": True}
