"""The base class of the models: frozen, without extra fields, and without inputs in errors."""

from __future__ import annotations

from typing import Annotated, NoReturn, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number, as JSON requires."""


class Frozen(BaseModel):
    """An immutable model that rejects unknown fields and hides inputs in its errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )


def first_error(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Return where the first error of a model is, and its reason, without the wrong value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return first["loc"], first["msg"].removeprefix("Value error, ")


K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that cannot be changed, for the mappings of models that are shared."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a FrozenDict cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Self], tuple[dict[K, V]]]:
        """Return how to copy and unpickle it: not by setting its items."""
        return type(self), (dict(self),)
