"""The cache of parsed models, the mappings in them, and the pause of the garbage collector."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from pydantic import ValidationError

from smaply_metrics_core.host.store.bulk_read import MANY, paused_collector
from smaply_metrics_core.host.store.model_cache import ModelCache
from smaply_metrics_core.models.base import Frozen, FrozenDict


class Number(Frozen):
    """A model."""

    value: int


def test_a_text_is_parsed_once() -> None:
    """Equal texts share a model, and other texts do not."""
    cache = ModelCache(Number, 100)
    first = cache.parse('{"value": 1}')
    assert cache.parse('{"value": ' + "1}") is first
    assert cache.parse('{"value": 2}') == Number(value=2)
    assert cache.size == 2 * len('{"value": 1}')


def test_the_cache_stays_within_its_size() -> None:
    """Another text is removed for a new one; one that is longer than the cache is not added."""
    cache = ModelCache(Number, 30)
    one, two, three = (f'{{"value": {n}}}' for n in (1, 2, 3))
    first, second = cache.parse(one), cache.parse(two)
    assert cache.parse(one) is first
    third = cache.parse(three)
    assert cache.size == 24
    assert cache.parse(three) is third
    assert [cache.parse(one) is first, cache.parse(two) is second].count(True) <= 1
    long = '{"value": 4' + " " * 50 + "}"
    assert cache.parse(long) == Number(value=4)
    assert cache.size <= 30


def test_most_of_a_few_texts_too_many_are_found() -> None:
    """Reading a tenth more than fits, in the same order each time, still finds most of it."""
    texts = [f'{{"value": {n}}}' for n in range(1_000, 2_000)]
    cache = ModelCache(Number, len(texts[0]) * 900)
    before = list(map(cache.parse, texts))
    for _ in range(5):
        after = list(map(cache.parse, texts))
        found = sum(new is old for new, old in zip(after, before, strict=True))
        assert found > 500
        before = after


def test_an_invalid_text_is_not_cached() -> None:
    """It is rejected each time."""
    cache = ModelCache(Number, 100)
    for _ in range(2):
        with pytest.raises(ValidationError):
            cache.parse('{"value": "x"}')
    assert cache.size == 0


def test_threads_share_the_cache() -> None:
    """Each thread gets the model of its text, also while entries are removed."""
    cache = ModelCache(Number, 100)

    def parsed(number: int) -> bool:
        return cache.parse(f'{{"value": {number % 20}}}').value == number % 20

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(parsed, range(4_000)))
    assert cache.size <= 100


CHANGES: Final[dict[str, Callable[[dict[str, int]], Any]]] = {
    "set": lambda mapping: mapping.__setitem__("a", 2),
    "delete": lambda mapping: mapping.__delitem__("a"),
    "update": lambda mapping: mapping.update(a=2),
    "merge": lambda mapping: mapping.__ior__({"a": 2}),
    "pop": lambda mapping: mapping.pop("a"),
    "popitem": lambda mapping: mapping.popitem(),
    "setdefault": lambda mapping: mapping.setdefault("b", 2),
    "clear": lambda mapping: mapping.clear(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_frozen_dict_cannot_be_changed(change: Callable[[dict[str, int]], Any]) -> None:
    """Every method that would change it raises."""
    mapping = FrozenDict({"a": 1})
    with pytest.raises(TypeError, match="cannot be changed"):
        change(mapping)
    assert mapping == {"a": 1}


def test_a_frozen_dict_is_copied_and_pickled() -> None:
    """It is equal to a dict, and its copies are frozen too."""
    mapping = FrozenDict({"a": 1})
    copies = (copy.copy(mapping), copy.deepcopy(mapping), pickle.loads(pickle.dumps(mapping)))  # noqa: S301  # Our own bytes.
    assert all(each == {"a": 1} and type(each) is FrozenDict for each in copies)
    assert repr(mapping) == "{'a': 1}"


@pytest.fixture
def collecting() -> Iterator[None]:
    """The collector is enabled before and after a test."""
    assert gc.isenabled()
    yield
    gc.enable()


@pytest.mark.usefixtures("collecting")
def test_the_collector_is_paused_for_many_rows() -> None:
    """It runs again afterwards, also after an error; for few rows it is not paused."""
    with paused_collector(MANY):
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), paused_collector(MANY):
        raise KeyError
    assert gc.isenabled()
    with paused_collector(MANY - 1):
        assert gc.isenabled()


@pytest.mark.usefixtures("collecting")
def test_a_disabled_collector_stays_disabled() -> None:
    """The application decides."""
    gc.disable()
    with paused_collector(MANY):
        pass
    assert not gc.isenabled()
