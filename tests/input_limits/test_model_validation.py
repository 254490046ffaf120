"""Validation of untrusted data stops at the first wrong item, so errors take no memory."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from smaply_metrics_core.input_limits.model_validation import DataRefused, validate_data

from .traced_memory import traced_memory


class Item(BaseModel):
    """A model whose fields are all required."""

    name: str
    text: str
    count: int


class Tree(BaseModel):
    """A recursive model."""

    below: list[Tree] = Field(default_factory=list)
    size: int


class Page(BaseModel):
    """A model with each kind of collection."""

    items: list[Item] = Field(default_factory=list)
    by_name: dict[str, Item] = Field(default_factory=dict)
    numbers: tuple[int, ...] = ()
    unique: set[int] = Field(default_factory=set)
    trees: list[Tree] = Field(default_factory=list)
    either: list[Item | int] = Field(default_factory=list)
    type: list[int] = Field(default_factory=list)
    default: dict[str, str] = {"type": "list"}


PAGE = TypeAdapter(Page)
MANY = 50_000


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"items": [{}] * MANY}, "items.0.name: Field required"),
        ({"by_name": {str(n): {} for n in range(MANY)}}, "by_name.0.name: Field required"),
        ({"numbers": ["x"] * MANY}, "numbers.0: Input should be a valid integer"),
        ({"unique": ["x"] * MANY}, "unique.0: Input should be a valid integer"),
        ({"trees": [{"size": 1, "below": [{}] * MANY}]}, "trees.0.below.0.size: Field required"),
        ({"trees": [{"below": [{}]}] * MANY}, "trees.0.below.0.size: Field required"),
        ({"type": ["x"] * MANY}, "type.0: Input should be a valid integer"),
        ({"either": [{}] * MANY}, "either.0.Item.name: Field required"),
    ],
    ids=["list", "dict", "tuple", "set", "nested", "list of nested", "type", "union"],
)
def test_many_wrong_values_take_no_memory(data: object, fault: str) -> None:
    """The first wrong value is named; the other 50,000 are not validated."""
    with traced_memory() as memory, pytest.raises(DataRefused) as caught:
        validate_data(PAGE, data)
    assert str(caught.value).startswith(fault)
    assert memory.peak < 2**20


def test_data_is_validated_as_pydantic_does() -> None:
    """Models, nested models, defaults and conversions are the same."""
    data = {
        "items": [{"name": "a", "text": "b", "count": "3"}],
        "by_name": {"x": {"name": "a", "text": "b", "count": 3}},
        "trees": [{"size": 1, "below": [{"size": 2}]}],
        "either": [1, {"name": "a", "text": "b", "count": 3}],
    }
    assert validate_data(PAGE, data) == Page.model_validate(data)


def test_a_deferred_type_is_built_on_use() -> None:
    """An adapter may build its schema when it is first used."""
    adapter = TypeAdapter(tuple[Item, ...], config={"defer_build": True})
    with pytest.raises(DataRefused, match="0"):
        validate_data(adapter, [{}])
