"""Validation of data from untrusted senders that stops at the first wrong item of a list.

Pydantic collects an error for each wrong value: 2 MB of ``{}`` take 1 GB of memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

T = TypeVar("T")

_COLLECTIONS: Final = frozenset({"list", "set", "frozenset", "tuple", "dict"})
_LONGEST_FAULT: Final = 100


class DataRefused(ValueError):
    """Data that does not match a model; the message names the first wrong value."""


def validate_data(adapter: TypeAdapter[T], data: object) -> T:
    """Return data as an instance of the type of an adapter, which is cached with its validator.

    Raises:
        DataRefused: if it does not match.
    """
    try:
        valid: T = _validator(adapter).validate_python(data)
    except ValidationError as error:
        fault = first_fault(error)
    else:
        return valid
    raise DataRefused(fault)


def first_fault(error: ValidationError) -> str:
    """Return where the first error is, and what it is, without the wrong value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:_LONGEST_FAULT] or "it"
    return f"{where}: {first['msg'][:_LONGEST_FAULT]}"


@lru_cache(maxsize=128)
def _validator(adapter: TypeAdapter[Any]) -> SchemaValidator:
    adapter.rebuild()  # Its schema may be deferred.
    schema = _failing_fast(adapter.core_schema)
    try:  # Otherwise, each model would be validated with its own schema instead of this one.
        return SchemaValidator(schema, _use_prebuilt=False)
    except TypeError:  # Earlier releases of pydantic do not have this argument and need none.
        return SchemaValidator(schema)


def _failing_fast(schema: Any) -> Any:  # noqa: ANN401  # A part of a schema.
    """Return a schema of pydantic whose collections stop at their first wrong item."""
    if type(schema) in {list, tuple}:
        return type(schema)(map(_failing_fast, schema))
    if type(schema) is not dict:
        return schema
    kind = schema.get("type")  # In the mapping of a model's fields, it can be a field.
    kept = {"default"} if kind == "default" else set()  # A default value is no schema.
    copy = {name: part if name in kept else _failing_fast(part) for name, part in schema.items()}
    return {**copy, "fail_fast": True} if type(kind) is str and kind in _COLLECTIONS else copy
