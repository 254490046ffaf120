"""The description of a source, and the destinations of credentials."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    PositiveInt,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.check import CheckStep
from smaply_metrics_core.models.credentials import Credentials

ContractVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")]
"""The major and minor version of a contract, such as ``0.1``."""


RequestOperation = Callable[[Any], str]
"""Returns the name of the operation of an ``httpx.Request``; empty if it has none."""


class RequestLimit(Frozen):
    """A limit of ``per_minute`` requests with ``method`` to paths that match ``path``.

    ``path`` is a regular expression that must match the whole path of the URL. So is ``operation``
    for the operation of the request, if it is given; it requires a source with
    ``SourceDescription.operation``. All users of a connection in a process share its limits. The
    first limit that matches applies.
    """

    method: str
    path: str
    per_minute: PositiveInt
    operation: str = ""

    @field_validator("path", "operation")
    @classmethod
    def _compiles(cls, pattern: str, info: ValidationInfo) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            field = info.field_name
            raise ValueError(f"the {field} is not a regular expression: {error}") from None
        return pattern


class SourceDescription(Frozen):
    """The description of a source.

    Attributes:
        id: The name of the entry point.
        title: The name of the survey tool, for people.
        contract: The version of the contract that the source was written for, as a literal such as
            ``"0.1"``: the ``CONTRACT_VERSION`` of the release it was developed with. A source with
            another contract is ``incompatible`` and not called.
        credentials: The credentials model; secrets are ``SecretStr`` or ``Token``.
        checks: The steps of ``validate_credentials``, in order.
        documentation: The URL of a page about getting the credentials.
        limits: The request limits of the survey tool, which the HTTP client applies.
        operation: For a tool with one URL for all operations, a function that returns the name of
            the operation of an ``httpx.Request``, or an empty text, such as
            ``json_rpc_method``. Request limits, the contract suite, the log and debug bundles
            tell requests apart by it. It is called once per request, whose body has been read
            unless it is streamed.
    """

    id: str
    title: str
    contract: ContractVersion
    credentials: type[Credentials]
    checks: tuple[CheckStep, ...]
    documentation: str = ""
    limits: tuple[RequestLimit, ...] = ()
    operation: RequestOperation | None = None

    @model_validator(mode="after")
    def _operations_are_known(self) -> Self:
        if self.operation is None and any(limit.operation for limit in self.limits):
            raise ValueError("a limit of an operation requires `operation` in the description")
        return self


class ClientCertificate(Frozen):
    """A certificate that proves to a server who connects, as PEM texts.

    White space in the texts does not matter, so that they may come from a form of one line each.
    """

    certificate: str
    key: SecretStr
    password: SecretStr = SecretStr("")


class Destination(Frozen):
    """A host, an address or a folder that credentials point to.

    - ``kind="host"``: any path of a public ``host`` with HTTPS on port 443. ``setting`` is for
      sandboxes and mock servers on a loopback address with plain HTTP: the name of the environment
      variable in which the operator allows exactly this ``host:port``.
    - ``kind="address"``: a self-hosted server, by its URL, with a port, a path and a fixed
      query where it has them, as ``Address.parse`` accepts it. Requests are held to this path and
      what is below it, and to exactly this query. The operator has to allow the address unless it
      is one of a public host with HTTPS on port 443.
    - ``kind="folder"``: a folder below the one that the operator configured for the account.

    With a ``client_certificate``, a host or an address with HTTPS is reached with it.
    """

    kind: Literal["host", "address", "folder"]
    host: str = ""
    address: str = ""
    folder: Path | None = None
    setting: str = ""
    client_certificate: ClientCertificate | None = None

    @property
    def over_http(self) -> bool:
        """Whether it is reached with HTTP requests, unlike a folder or a database."""
        return self.kind == "host" or self.address.lower().startswith(("http:", "https:"))
