"""Options that several commands share: each field of a dataclass parameter becomes an option.

Typer reads options from a function's signature, so every command would have to repeat the shared
ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")


def option_groups(function: Callable[..., R]) -> Callable[..., R]:
    """Return a function for Typer in which options replace dataclass parameters.

    Each field is annotated with its ``typer.Option``. Parameters keep their order.
    """
    hints = get_type_hints(function, include_extras=True)
    shared: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[Parameter] = []
    for parameter in signature(function).parameters.values():
        if parameter.name in shared:
            parameters += _parameters(shared[parameter.name])
        else:
            parameters.append(
                parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
            )

    @functools.wraps(function)
    def spread_out(**given: Any) -> R:  # noqa: ANN401  # The options.
        for name, model in shared.items():
            given[name] = model(**{field.name: given.pop(field.name) for field in fields(model)})
        return function(**given)

    # Typer reads both. It would follow `__wrapped__` to the original parameters.
    seen: Any = spread_out
    del seen.__wrapped__
    seen.__signature__ = Signature(parameters)
    seen.__annotations__ = {each.name: each.annotation for each in parameters}
    return spread_out


def _parameters(model: Any) -> list[Parameter]:  # noqa: ANN401  # A dataclass, seen as a type.
    hints = get_type_hints(model, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )
        for field in fields(model)
    ]


def _default(field: Field[Any]) -> Any:  # noqa: ANN401  # Any type.
    return Parameter.empty if field.default is MISSING else field.default
