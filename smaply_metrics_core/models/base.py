"""The common base of all models: frozen, closed, and silent about what was typed in."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A number that JSON can carry: neither infinite nor "not a number"."""


class Frozen(BaseModel):
    """A value object: cannot be changed, takes no unknown field, hides inputs in its errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )
