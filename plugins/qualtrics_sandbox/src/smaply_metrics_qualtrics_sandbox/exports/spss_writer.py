"""Write SPSS exports, with the extra `spss`.

Codes, ticks and numbers are numeric variables, which have value labels; everything else, including
dates, is text. A variable is called by the header of its column, without what SPSS does not allow
in names.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pyreadstat

from smaply_metrics_qualtrics_sandbox.exports.text_writer import Output, TextExport

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.$#@]")
_NAME_LENGTH = 60  # SPSS allows 64; the rest is for the number of a repeated name.


def write_sav(export: TextExport, path: Path) -> None:
    """Write the file of a text export as SPSS."""
    outputs = export.outputs()
    names = _names(outputs)
    series = [_series(name, output) for name, output in zip(names, outputs, strict=True)]
    labels: dict[str, dict[int | float, str]] = {}
    for name, output, cells in zip(names, outputs, series, strict=True):
        known = {code: label for code, label in output.labels.items() if _number(code) is not None}
        if known and cells.dtype == pl.Float64:
            labels[name] = {float(code): label for code, label in known.items()}
    pyreadstat.write_sav(
        pl.DataFrame(series),
        path,
        column_labels=[output.text for output in outputs],
        variable_value_labels=labels,
    )


def _names(outputs: list[Output]) -> list[str]:
    """Return a valid name for each column; SPSS does not distinguish upper and lower case."""
    names: dict[str, str] = {}
    for output in outputs:
        name = _NOT_IN_NAMES.sub("_", output.header)[:_NAME_LENGTH].rstrip("._")
        if not name[:1].isalpha():
            name = f"V{name}"
        number, found = 0, name
        while found.lower() in names:
            number += 1
            found = f"{name}_{number}"
        names[found.lower()] = found
    return list(names.values())


def _series(name: str, output: Output) -> pl.Series:
    cells = list(output.cells())
    numbers = [_number(cell) for cell in cells]
    if output.numeric and all(
        number is not None or not cell for number, cell in zip(numbers, cells, strict=True)
    ):
        return pl.Series(name, numbers, pl.Float64)
    return pl.Series(name, cells, pl.String)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(?:\.\d+)?", text, re.ASCII) else None
