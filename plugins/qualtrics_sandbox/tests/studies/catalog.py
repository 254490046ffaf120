"""The studies for tests: the project's own, and real ones if they are present."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from plugins.qualtrics_sandbox.tests.studies import hotel_stay, museum_visit, stream_loops
from tests.shared_data import RECORDED, needs_recorded_data

REAL_STUDIES: Final = RECORDED / "surveys"


@dataclass(frozen=True)
class StudyFacts:
    """Facts about a study that were determined without the project's code.

    Attributes:
        name: The name of the folder.
        rows: The number of responses in the file.
        measured: The number of choice questions (rows, loops, combined loops) with columns.
    """

    name: str
    rows: int
    measured: int


OWN: Final = (
    StudyFacts("hotel_stay", hotel_stay.ROWS, 10),
    StudyFacts("stream_loops", stream_loops.ROWS, 13),
    StudyFacts("museum_visit", museum_visit.ROWS, 2),
)
REAL: Final = (
    StudyFacts("consumer_minimalism", 200, 16),
    StudyFacts("privacy", 1200, 10),
    StudyFacts("quantitative_intuition", 1435, 61),
    StudyFacts("recommendation_algorithms", 598, 29),
    StudyFacts("targeting_fairness", 357, 2),
)

LONG: Final = {"privacy", "quantitative_intuition", "recommendation_algorithms"}
DEEP: Final = pytest.mark.deep(reason="up to 3 s: hundreds of real responses")

every_study = pytest.mark.parametrize(
    "facts",
    [
        *(pytest.param(facts, id=facts.name) for facts in OWN),
        *(
            pytest.param(
                facts,
                id=facts.name,
                marks=[needs_recorded_data, DEEP] if facts.name in LONG else needs_recorded_data,
            )
            for facts in REAL
        ),
    ],
)
"""Runs a test on each of the project's own studies and on each real one; on long ones not on every
change."""


def write_own_studies(folder: Path) -> Path:
    """Write the project's own studies to a folder and return it."""
    hotel_stay.write(folder / "hotel_stay")
    stream_loops.write(folder / "stream_loops")
    museum_visit.write(folder / "museum_visit")
    return folder


def gather_studies(folder: Path) -> Path:
    """Write the project's own studies to a folder, link the real ones, and return the folder."""
    write_own_studies(folder)
    if REAL_STUDIES.is_dir():
        for facts in REAL:
            (folder / facts.name).symlink_to(REAL_STUDIES / facts.name)
    return folder
