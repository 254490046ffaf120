"""A cache of models by the JSON text that they are parsed from."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from cachetools import RRCache
from pydantic import BaseModel

from smaply_metrics_core.forking import call_now_and_in_children

M = TypeVar("M", bound=BaseModel)


class _CachedModel(NamedTuple, Generic[M]):
    model: M
    size: int


class ModelCache(Generic[M]):
    """A thread-safe cache of immutable models, bounded by the total length of their texts.

    The key is the whole text. A stored value that changes is therefore parsed again, and accounts
    share an entry only if their values are identical. When the cache is full, random entries are
    removed. Each load reads all texts of an account in the same order, so that the least recently
    used one is the next one needed: with a few texts too many, none would ever be found.

    Args:
        model: The class of the models, which must be immutable: all loads share them.
        maxsize: The maximum total length of the texts; longer texts are not cached.
    """

    def __init__(self, model: type[M], maxsize: int) -> None:
        self._model = model
        self._maxsize = maxsize
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._entries: RRCache[str, _CachedModel[M]] = RRCache(self._maxsize, getsizeof=_size)
        self._lock = Lock()

    @property
    def size(self) -> int:
        """The total length of the cached texts."""
        return int(self._entries.currsize)

    def parse(self, text: str) -> M:
        """Return the model of a text.

        Raises:
            ValidationError: when the text is not valid JSON of the model.
        """
        with self._lock, suppress(KeyError):
            return self._entries[text].model
        model = self._model.model_validate_json(text)
        with self._lock, suppress(ValueError):  # Longer than the whole cache.
            self._entries[text] = _CachedModel(model, len(text))
        return model


def _size(entry: _CachedModel[M]) -> int:
    return entry.size
