"""The worked example of each calculation has the stated value, in the code and in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from smaply_metrics_core.calculations.catalog import CALCULATIONS, WorkedExample
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.tally_builder import TallyColumns, tally
from smaply_metrics_core.models.query import ENTERED, Calculation
from tests.calculations.factories import AS_OF, NOT_APPLICABLE, frame, query, scale

DOCS = Path(__file__).resolve().parents[2] / "docs" / "calculations.md"


def rows(example: WorkedExample) -> pl.DataFrame:
    """Return the responses of an example."""
    given = [str(answer) for answer in example.answers]
    return frame([*given, *(["99"] * example.not_applicable), *([""] * example.blank)])


@pytest.mark.parametrize("calculation", sorted({*Calculation} - ENTERED))
def test_the_example_comes_out_as_worked_by_hand(calculation: Calculation) -> None:
    """The value of the example's rows is the stated value."""
    example = CALCULATIONS[calculation].example
    assert example is not None
    asked = query(
        calculation,
        answers=example.share_of,
        top_answers=example.top_answers,
        bottom_answers=example.bottom_answers,
    )

    counted = tally(
        rows(example),
        asked,
        TallyColumns(recorded=pl.col("recorded"), answer=pl.col("answer")),
        as_of=AS_OF,
        choices=scale(*example.scale, NOT_APPLICABLE),
    )
    result = calculate(asked, counted, AS_OF)

    assert result.current.answered == len(example.answers)
    assert result.current.responses == (
        len(example.answers) + example.not_applicable + example.blank
    )
    if isinstance(example.value, float | int):
        assert result.current.value == example.value
    else:
        assert {group.key: group.value for group in result.groups} == example.value


@pytest.mark.parametrize("calculation", Calculation)
def test_the_docs_define_it_with_its_example(calculation: Calculation) -> None:
    """The docs have a section for each calculation, with its definition and example."""
    meaning = CALCULATIONS[calculation]
    sections = re.split(r"^### ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = (
        text for text in sections if text.startswith(f"{meaning.title} (`{calculation}`)")
    )
    text = " ".join(section.split())

    assert " ".join(meaning.definition.split()) in text
    assert (meaning.example.working if meaning.example else "entered") in text
    assert f"Unit: {meaning.unit}." in text
    assert f"Needs {meaning.needs}." in text


def test_the_code_in_the_docs_runs() -> None:
    """The example for plugin authors runs, including its assertions."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert code.count("assert") >= 1
    exec(compile(code, str(DOCS), "exec"), {})  # noqa: S102  # Our own documentation.
