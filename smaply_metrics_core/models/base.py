"""The base class of the models: frozen, without extra fields, and without inputs in errors."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number, as JSON requires."""


class Frozen(BaseModel):
    """An immutable model that rejects unknown fields and hides inputs in its errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )
