"""How a source presents itself: its description, and where credentials lead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PositiveInt, StringConstraints, field_validator

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.check import CheckStep
from smaply_metrics_core.models.credentials import Credentials

ContractVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")]
"""Major and minor number of a version of the contract, such as ``0.1``."""


class RequestLimit(Frozen):
    """At most ``per_minute`` requests of ``method`` to paths that match ``path``.

    ``path`` is a regular expression that must match the whole path of the URL. Limits are shared
    by everything that uses one connection in a process. The first limit that matches applies.
    """

    method: str
    path: str
    per_minute: PositiveInt

    @field_validator("path")
    @classmethod
    def _compiles(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"the path is no regular expression: {error}") from None
        return path


class SourceDescription(Frozen):
    """What a source is and needs.

    Attributes:
        id: The entry point's name.
        title: What people call it.
        contract: The version of the contract that it was written for, as in ``"0.1"``: the
            ``CONTRACT_VERSION`` of the release it was developed with, written out. A source whose
            contract does not fit is ``incompatible`` and never called.
        credentials: Its credentials model; secrets are ``SecretStr`` or ``Token``.
        checks: The steps that ``validate_credentials`` goes through, in order.
        documentation: Where people read how to get the credentials.
        limits: What the survey tool allows, kept by the HTTP client.
    """

    id: str
    title: str
    contract: ContractVersion
    credentials: type[Credentials]
    checks: tuple[CheckStep, ...]
    documentation: str = ""
    limits: tuple[RequestLimit, ...] = ()


class Destination(Frozen):
    """Where credentials lead: one host, or one folder.

    ``setting`` is for a host on the loopback address over plain HTTP, as sandboxes and mock
    servers use: the name of the environment variable with which the operator allowed exactly
    this ``host:port``. Without it only HTTPS to a public host name is possible.
    """

    kind: Literal["host", "folder"]
    host: str = ""
    folder: Path | None = None
    setting: str = ""
