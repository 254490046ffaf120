"""Typed and pasted cells are read like uploaded files; what is unclear is named."""

from __future__ import annotations

import csv
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.host import (
    CellFormats,
    EnteredCells,
    EnteredInput,
    EnteredUnit,
    InputError,
    read_cells,
    split_pasted,
)

TODAY = date(2026, 11, 30)
NUMBER = EnteredUnit.NUMBER


def read(text: str, unit: EnteredUnit = NUMBER, **formats: str) -> list[tuple[object, ...]]:
    """Return the values of a pasted text."""
    stated = CellFormats.model_validate(formats)
    values = read_cells(split_pasted(text), unit, TODAY, formats=stated).require()
    return [(str(one.day), one.label, one.value, one.n) for one in values]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("31.01.2026\t4,5", ("2026-01-31", "", 4.5, None)),
        ("2026-01-31;4.5;1.200", ("2026-01-31", "", 4.5, 1200)),
        ("2026-01-31\tWien\t4.5", ("2026-01-31", "Wien", 4.5, None)),
        ("01/31/2026\tWien\t4.5\t12", ("2026-01-31", "Wien", 4.5, 12)),
        ("Value;N;Date\n1.234,5;7;31.01.2026", ("2026-01-31", "", 1234.5, 7)),
        ('2026-01-31,"4,5"', ("2026-01-31", "", 4.5, None)),
        ("2026-01-31\t\N{MINUS SIGN}4.5\t\t\t", ("2026-01-31", "", -4.5, None)),
        ("2026-01-31\t-3\n\n", ("2026-01-31", "", -3.0, None)),
    ],
)
def test_pasted_cells_are_read(text: str, expected: tuple[object, ...]) -> None:
    """Tabs, semicolons and commas, decimal signs, date orders, and named columns."""
    assert read(text) == [expected]


def test_each_row_may_have_another_number_of_cells() -> None:
    """No cell of a longer row is lost."""
    assert read("2026-01-31\t4\n2026-02-28\t5\t120") == [
        ("2026-01-31", "", 4, None),
        ("2026-02-28", "", 5, 120),
    ]


@pytest.mark.parametrize(
    "text",
    ["2026-01-31,4,5", "2026-01-31", "date;value\n2026-01-31;4;120"],
)
def test_unclear_columns_have_to_be_named(text: str) -> None:
    """Columns are never guessed where a value could be misread or lost."""
    with pytest.raises(InputError, match="columns cannot be recognised"):
        read(text)


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("2026-01-31\t4\t1.5", NUMBER, "Row 1, n: “1.5” is not a number of answers"),
        ("2026-01-31\t4\t0", NUMBER, "Row 1, n: “0” is not a number of answers"),
        ("2026-01-31\t4\n\t5", NUMBER, "Row 2, date: Enter a date such as 2026-01-31."),
        ("2026-02-30\t5", NUMBER, "“2026-02-30” is not a date"),
        ("2026-01-31\t-101", EnteredUnit.POINTS, "“-101” must be from −100 to 100."),  # noqa: RUF001  # As people read it.
        ("2026-01-31\t1e5", NUMBER, "“1e5” is not a number with a decimal point."),
        ("2026-01-31\tinf", NUMBER, "“inf” is not a number"),
        (f"2026-01-31\t{'x' * 101}\t5", NUMBER, "A label has at most 100 characters."),
        ("13/01/2026\t5\n01/31/2026\t5", NUMBER, "has two meanings"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(text: str, unit: EnteredUnit, words: str) -> None:
    """The error has the row, the column, the text, and what to enter."""
    with pytest.raises(InputError, match="Row") as caught:
        read(text, unit)
    assert words in caught.value.message
    assert "Nothing was saved." in caught.value.remedy


def test_the_number_of_further_problems_is_stated() -> None:
    """The first problem is named, and the others are counted."""
    with pytest.raises(InputError, match="1 more cell cannot be read"):
        read("2026-01-31\tgood\n2026-02-28\tbad")


def test_stored_values_are_no_evidence() -> None:
    """Rows of a table that stay are read as stored, and do not decide how others are written."""
    stored = EnteredInput(day=date(2026, 1, 31), value=4.5)
    cells = [EnteredCells.of(stored), EnteredCells("03.02.2026", "", "4,25", "")]
    found = read_cells(cells, NUMBER, TODAY, stored=[stored]).require()
    assert [one.value for one in found] == [4.5, 4.25]


def test_many_rows_are_refused() -> None:
    """A paste of more rows than a table may have is refused before it is read."""
    with pytest.raises(InputError, match="more than 500 rows"):
        split_pasted("2026-01-31\t1\n" * 502)


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
    st.integers(1, 10**9) | st.none(),
    st.dates(date(1900, 1, 1), TODAY),
)
def test_stored_values_are_read_as_they_were(number: float, n: int | None, day: date) -> None:
    """The texts of a stored value are the same value again, in a form that stays open."""
    stored = EnteredInput(day=day, value=number, n=n)
    cells, plain = EnteredCells.of(stored), CellFormats(decimal=".")
    assert read_cells([cells], NUMBER, TODAY, stored=[stored]).require() == (stored,)
    assert read_cells([cells], NUMBER, TODAY, formats=plain).require() == (stored,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",,", "columns cannot be recognised"),
        (f'date,value\n"{"x" * 200_000}', "A cell is too long"),
        (f"2026-01-31;{'9' * 400}", "is not a number"),
        ("2026-01-31;Wien\x00;4", "control characters"),
        ("2026-01-31;;4;1000000001", "from 1 to 1,000,000,000"),
    ],
)
def test_hostile_texts_are_refused(text: str, words: str) -> None:
    """They are problems of the text, not faults of the program."""
    before = csv.field_size_limit(131_072)  # The default: the sandbox, in this process, raises it.
    try:
        with pytest.raises(InputError, match=words):
            read(text, NUMBER)
    finally:
        csv.field_size_limit(before)
