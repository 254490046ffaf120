"""A definition that is created with a value that is not valid: an error of the tree."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from smaply_metrics_core.errors import DefinitionInvalid, MetricsError
from smaply_metrics_core.host import (
    DateRange,
    Definition,
    Display,
    Filter,
    GroupBy,
    MetricInput,
    Weight,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NPS: dict[str, Any] = {"survey_id": "S1", "question_id": "Q1", "calculation": "nps"}


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda: Definition(**NPS | {"calculation": "npps"}), "This Definition .*: calculation: "),
        (lambda: Definition(**NPS | {"rolling": 1_000_000}), "rolling: "),
        (lambda: Definition(survey_id="S1", colour="red"), r"\(and 1 more\)"),  # type: ignore[call-arg]
        (lambda: Definition(**NPS | {"group_by": {"kind": "moon"}}), "group_by.kind: "),
        (lambda: GroupBy(kind="period", of="moon"), "GroupBy .* the period must be one of day"),
        (lambda: DateRange(preset="moon"), "DateRange"),
        (lambda: Filter(kind="moon", of="a", values=()), "Filter .* kind: "),  # type: ignore[arg-type]
        (lambda: Weight(kind="field", of=""), "Weight"),
        (lambda: Display(target=float("inf")), "Display .* target: "),
        (lambda: MetricInput(name="A", definition=None), "MetricInput"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_is_not_valid_is_an_error_of_the_tree(
    create: Callable[[], object], message: str
) -> None:
    """The message names the field; code that catches ``ValueError`` still works."""
    with pytest.raises(MetricsError, match=message) as refused:
        create()
    assert isinstance(refused.value, DefinitionInvalid)
    assert isinstance(refused.value, ValueError)
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert "https://" not in refused.value.message
    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301  # Our own.
    assert (copy.message, copy.remedy) == (refused.value.message, refused.value.remedy)


def test_the_input_is_not_repeated() -> None:
    """It may be a secret that was entered in the wrong field."""
    with pytest.raises(DefinitionInvalid) as refused:
        Definition(**NPS | {"calculation": "token-hunter2"})
    assert "hunter2" not in refused.value.message


def test_reading_json_still_raises_the_error_of_pydantic() -> None:
    """It lists all problems, for forms and for rows that are damaged."""
    with pytest.raises(ValidationError) as refused:
        Definition.model_validate({"calculation": "npps", "group_by": {"kind": "moon"}})
    assert len(refused.value.errors()) == 3
