"""The facts about the survey that pipelines share, and the type of their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

PipelineResult: TypeAlias = dict[str, dict[str, float]]
"""The numbers by metric and group; the group is ``""`` if there are none."""

HEADER: Final = 3
DATE: Final = "%Y-%m-%d %H:%M:%S"
LEFT_OUT: Final = (1, 2, 8, 9, 12, 17, 40)
PROMOTER: Final = 9
DETRACTOR: Final = 6


class Files(NamedTuple):
    """The input of every run.

    Attributes:
        needed: The export that the connector requests: only the columns of the metrics.
        whole: The export of every column.
        definition: The survey's definition.
        seen: The value in both exports for a question that was seen but not answered.
    """

    needed: Path
    whole: Path
    definition: dict[str, Any]
    seen: int
