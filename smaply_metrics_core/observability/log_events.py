"""Log records with named fields: one line for each refresh, check and job."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from smaply_metrics_core.observability.correlation import correlation_id

FieldValue: TypeAlias = str | int | float | bool | None

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:,/@+-]+")


def log_event(
    logger: logging.Logger, level: int, sentence: str, fields: Mapping[str, FieldValue]
) -> None:
    """Log a sentence with fields, and with the correlation ID.

    The message has all of them, as ``sentence name=value …``, so that every formatter shows them.
    For formatters of structured logs, the record also has the attributes ``event``, the sentence,
    and ``fields``. Callers pass neither secrets nor texts that were not redacted.

    Args:
        logger: The logger.
        level: The level, as in ``logging.INFO``.
        sentence: What happened.
        fields: The fields by name; those that are ``None`` or empty are omitted.
    """
    if not logger.isEnabledFor(level):
        return
    named = {**fields, "correlation_id": correlation_id()}
    given = {name: value for name, value in named.items() if value not in {None, ""}}
    logger.log(
        level,
        "%s %s",
        sentence,
        " ".join(f"{name}={_text(value)}" for name, value in given.items()),
        extra={"event": sentence, "fields": given},
    )


def _text(value: FieldValue) -> str:
    """Return a value on one line, in quotation marks and with escapes unless it is a plain word."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
