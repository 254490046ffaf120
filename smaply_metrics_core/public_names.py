"""The exports of the public modules, imported on first use.

Each public module lists its exports once, as imports in its ``__init__.pyi``, which type checkers
read as well. ``lazy_exports`` imports the defining module of a name when the name is first used, so
that ``from smaply_metrics_core import Survey`` imports only the models of surveys. Reprs and
pickles refer to ``smaply_metrics_core.Survey`` instead of the private module that defines it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from types import FunctionType
from typing import Final, ForwardRef

PUBLIC_MODULES: Final = (
    "smaply_metrics_core",
    "smaply_metrics_core.http",
    "smaply_metrics_core.calculations",
    "smaply_metrics_core.files",
    "smaply_metrics_core.charts",
    "smaply_metrics_core.host",
    "smaply_metrics_core.testing",
)
"""The public modules, the contract first. All other modules of the distribution are private."""

_PACKAGE: Final = "smaply_metrics_core"


def lazy_exports(
    module: str, file: str
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a public module (PEP 562).

    Args:
        module: Its ``__name__``.
        file: Its ``__file__``; the stub with the exports is next to it.
    """
    with Path(file).with_suffix(".pyi").open(encoding="utf-8") as stub:
        statements = ast.parse(stub.read()).body
    defined_in = {
        alias.name: f"{statement.module}"
        for statement in statements
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }

    def load(name: str) -> object:
        if name not in defined_in:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(import_module(defined_in[name]), name)
        _set_public_module(module, value)
        vars(sys.modules[module])[name] = value
        return value

    return load, lambda: sorted({*vars(sys.modules[module]), *defined_in}), sorted(defined_in)


def _set_public_module(module: str, value: object) -> None:
    """Set ``__module__`` of a class or function of ours to a public module that exports it.

    An object that several public modules export gets the first of them in ``PUBLIC_MODULES``.
    Constants and objects of other libraries are not changed.
    """
    earlier = PUBLIC_MODULES[: PUBLIC_MODULES.index(module) + 1]
    if (
        not isinstance(value, type | FunctionType)
        or value.__module__.partition(".")[0] != _PACKAGE
        or value.__module__ in earlier
    ):
        return
    if isinstance(value, type):
        _bind_annotations(value)
    value.__module__ = module


def _bind_annotations(cls: type) -> None:
    """Bind string annotations to the module that defines the class.

    ``typing.get_type_hints`` and pydantic resolve names in ``__module__``, and the public module
    lacks names that only the defining module imports.
    """
    annotations = get_annotations(cls)
    for name, value in annotations.items():
        text = value
        if isinstance(value, ForwardRef) and value.__forward_module__ is None:
            text = value.__forward_arg__
        if isinstance(text, str):
            annotations[name] = ForwardRef(
                text, is_argument=False, module=cls.__module__, is_class=True
            )
    cls.__annotations__ = annotations
    for name, field in getattr(cls, "__dataclass_fields__", {}).items():
        if isinstance(field.type, str):
            field.type = annotations.get(name, field.type)
