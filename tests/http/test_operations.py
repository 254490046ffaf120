"""Operations: requests to one URL that differ by their body."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import ValidationError

from smaply_metrics_core import (
    Credentials,
    RequestLimit,
    SourceDescription,
    graphql_operation,
    json_rpc_method,
)
from smaply_metrics_core.http import Exchange, RateLimiter
from smaply_metrics_core.redaction import Redactor

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

URL = "https://fra1.qualtrics.com/rpc"


@pytest.mark.parametrize(
    ("body", "method"),
    [
        (b'{"method": "export", "id": 1}', "export"),
        (b'[{"method": "a"}, {"method": "b"}, {}]', "a,b"),
        (b'{"method": 1}', ""),
        (b'{"other": "export"}', ""),
        (b"[]", ""),
        (b"not JSON", ""),
        (b"", ""),
    ],
)
def test_the_method_of_a_json_rpc_call(body: bytes, method: str) -> None:
    """A call has the name of its method; anything else has no operation."""
    assert json_rpc_method(httpx.Request("POST", URL, content=body)) == method


def test_a_streamed_body_has_no_operation() -> None:
    """It is not read, since it could not be sent afterwards."""
    request = httpx.Request("POST", URL, content=iter([b'{"method": "export"}']))
    assert json_rpc_method(request) == ""
    assert b"".join(request.stream) == b'{"method": "export"}'  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "name"), [({"query": "{a}", "operationName": "Surveys"}, "Surveys"), ({}, "")]
)
def test_the_operation_of_a_graphql_request(body: dict[str, str], name: str) -> None:
    """Only a named operation is one."""
    assert graphql_operation(httpx.Request("POST", URL, json=body)) == name


def test_a_limit_of_an_operation_does_not_slow_the_others(
    clients: Clients, clock: HandClock
) -> None:
    """The first limit whose method, path and operation match applies."""
    limits = [
        RequestLimit(method="POST", path="/rpc", operation="export.*", per_minute=1),
        RequestLimit(method="POST", path="/rpc", per_minute=2),
    ]
    client = clients(
        lambda _: httpx.Response(200),
        limits=RateLimiter(limits, clock),
        operation=json_rpc_method,
    )

    for method in ("export", "list", "list"):
        client.post("/rpc", json={"method": method})
    assert clock.waits == []

    client.post("/rpc", json={"method": "export_more"})
    assert clock.waits == [60]


def test_the_log_and_the_exchange_name_the_operation(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """On one line and without secrets, whatever the request contains."""
    exchanges: list[Exchange] = []
    redactor = Redactor()
    redactor.add("hidden-key-123")
    client = clients(
        lambda _: httpx.Response(200),
        operation=json_rpc_method,
        exchange=exchanges.append,
        redactor=redactor,
    )
    caplog.set_level(logging.DEBUG, "smaply_metrics_core.http")

    client.post("/rpc", json={"method": "export\nhidden-key-123"})

    (exchange,) = exchanges
    assert exchange.operation.startswith("export")
    assert "\n" not in exchange.operation
    assert "hidden-key-123" not in exchange.operation + caplog.text
    assert f"/rpc {exchange.operation} 200" in caplog.text


def describe(**values: Any) -> SourceDescription:  # noqa: ANN401  # Fields of the description.
    """Return the description of an invented source."""
    return SourceDescription(
        id="rpc", title="RPC", contract="0.1", credentials=Credentials, checks=(), **values
    )


def test_a_limit_of_an_operation_requires_the_function() -> None:
    """Otherwise the limit would never apply."""
    limit = RequestLimit(method="POST", path="/rpc", operation="export", per_minute=1)

    assert describe(limits=(limit,), operation=json_rpc_method).limits == (limit,)
    with pytest.raises(ValidationError, match="requires `operation`"):
        describe(limits=(limit,))
    with pytest.raises(ValidationError, match="the operation is not a regular expression"):
        RequestLimit(method="POST", path="/rpc", operation="(", per_minute=1)
