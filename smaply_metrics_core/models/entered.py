"""The base class of the models that host apps and users of the API create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from smaply_metrics_core.errors import DefinitionInvalid
from smaply_metrics_core.models.base import Frozen, first_error


class EnteredModel(Frozen):
    """A model whose constructor raises ``DefinitionInvalid`` instead of an error of pydantic.

    ``model_validate`` and ``model_validate_json`` raise pydantic's error, which lists all problems.
    """

    if not TYPE_CHECKING:  # Type checkers read the fields.

        def __init__(self, **values: Any) -> None:  # noqa: ANN401  # Of any field.
            try:
                super().__init__(**values)
            except ValidationError as error:
                invalid = _definition_invalid(type(self).__name__, error)
            else:
                return
            # Raised outside: a chained error would show the input.
            raise invalid

        # Pydantic calls a constructor for nested values unless it is marked as its own.
        __init__.__pydantic_base_init__ = True


def _definition_invalid(name: str, error: ValidationError) -> DefinitionInvalid:
    path, reason = first_error(error)
    where = ".".join(map(str, path))
    others = error.error_count() - 1
    more = f" (and {others} more)" if others else ""
    return DefinitionInvalid(
        f"This {name} is not valid: {where + ': ' if where else ''}{reason}{more}.",
        remedy=f"Correct the value; the documentation of {name} lists the valid ones.",
    )
