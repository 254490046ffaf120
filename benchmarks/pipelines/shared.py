"""What the pipelines written by hand have in common: which survey this is, and what they give."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

PipelineResult: TypeAlias = dict[str, dict[str, float]]
"""The number of every metric: by name, then by group (``""`` where there are none)."""

HEADER: Final = 3
DATE: Final = "%Y-%m-%d %H:%M:%S"
LEFT_OUT: Final = (1, 2, 8, 9, 12, 17, 40)
PROMOTER: Final = 9
DETRACTOR: Final = 6


class Files(NamedTuple):
    """What every run starts from.

    Attributes:
        needed: The export that the connector asks for: the columns of the metrics alone.
        whole: The export of every column.
        definition: The survey's definition.
        seen: What stands in both for a question that was seen and not answered.
    """

    needed: Path
    whole: Path
    definition: dict[str, Any]
    seen: int
