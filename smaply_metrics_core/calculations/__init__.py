"""Calculations for authors of sources: which are allowed, and tallies from rows.

- ``CALCULATIONS`` defines each calculation; ``allowed_calculations`` and ``check_definition`` are
  the rules of which questions allow which.
- ``answer_queries`` answers all queries of a survey from one data frame. ``TallyBuilder`` does the
  same batch by batch, ``tally`` and ``tally_all`` from a frame and explicit columns.
- ``calculate`` makes the result of a tally, as the framework does.

The names that need Polars are imported on first use, so that importing this module is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.calculations.catalog import (
    CALCULATIONS,
    AnswerRequirement,
    CalculationDefinition,
    WorkedExample,
)
from smaply_metrics_core.calculations.decimal_keys import exact_sum, key_number, to_float
from smaply_metrics_core.calculations.response_text import describe_answers, describe_responses
from smaply_metrics_core.calculations.results import calculate, format_value
from smaply_metrics_core.calculations.rules import (
    allowed_calculations,
    check_definition,
    scale_values,
)
from smaply_metrics_core.public_names import set_public_module

if TYPE_CHECKING:
    from smaply_metrics_core.calculations.count_plan import (
        NOT_ANSWERED,
        UNREADABLE,
        TallyColumns,
        TallyRequest,
    )
    from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
    from smaply_metrics_core.calculations.tally_builder import TallyBuilder, tally, tally_all

__all__ = [
    "CALCULATIONS",
    "NOT_ANSWERED",
    "UNREADABLE",
    "AnswerExpr",
    "AnswerRequirement",
    "CalculationDefinition",
    "RowReader",
    "TallyBuilder",
    "TallyColumns",
    "TallyRequest",
    "WorkedExample",
    "allowed_calculations",
    "answer_queries",
    "calculate",
    "check_definition",
    "describe_answers",
    "describe_responses",
    "exact_sum",
    "format_value",
    "key_number",
    "scale_values",
    "tally",
    "tally_all",
    "to_float",
]

_NEED_POLARS: Final = {
    "NOT_ANSWERED": "count_plan",
    "UNREADABLE": "count_plan",
    "AnswerExpr": "row_queries",
    "RowReader": "row_queries",
    "TallyBuilder": "tally_builder",
    "TallyColumns": "count_plan",
    "TallyRequest": "count_plan",
    "answer_queries": "row_queries",
    "tally": "tally_builder",
    "tally_all": "tally_builder",
}
"""The module that defines each name that needs Polars."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  # The type depends on the name.
    """Import the module of a name that needs Polars."""
    if name not in _NEED_POLARS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_NEED_POLARS[name]}"), name)
    set_public_module(__name__, [found])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the lazy names as well."""
    return sorted({*globals(), *__all__})


set_public_module(__name__, [globals()[name] for name in __all__ if name not in _NEED_POLARS])
