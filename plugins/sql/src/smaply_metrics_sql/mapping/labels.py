"""The labels of values: from the comment of a column, or from a table of labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from smaply_metrics_sql.databases.database import CatalogTable
from smaply_metrics_sql.mapping.model import LabelTable, MappedChoice
from smaply_metrics_sql.mapping.samples import TableSamples, Values

_PAIR: Final = re.compile(r"(?<![\w.])(-?[0-9]{1,3})\s*[=:]\s*([^,;|/\n=]*[^,;|/\n=\s)])")
"""A number and its label in a comment, such as ``1 = Not satisfied``."""
_MOST_FILLED: Final = 11
_KEYS: Final = ("key", "code", "id", "value")
_LABELS: Final = ("label", "name", "title", "text", "description")
_WIDEST: Final = 6
"""The maximum number of columns of a table of labels."""
_AROUND: Final = ("{}", "{}s", "{}_labels", "{}_label", "{}_lookup", "{}_values", "{}_choices")
_BEFORE: Final = ("dim_{}", "lookup_{}", "label_{}", "labels_{}")
_PEOPLE: Final = re.compile(
    r"(customer|user|person|people|contact|employee|respondent|member|patient)", re.IGNORECASE
)
"""Names of columns whose labels would be names of persons."""
_LABELLED: Final = 0.9
"""The share of the values of a column for which a table of labels must have one."""


class CommentLabels(NamedTuple):
    """What a comment says about a column.

    Attributes:
        text: The text before the labels.
        choices: The values with their labels; a scale with labels at its ends is filled.
    """

    text: str
    choices: tuple[MappedChoice, ...]


def labels_in(comment: str) -> CommentLabels:
    """Return the labels in the comment of a column; two at least."""
    pairs = {match[1]: match[2].strip() for match in _PAIR.finditer(comment)}
    if len(pairs) < 2:  # noqa: PLR2004  # One is a remark about a number.
        return CommentLabels(comment, ())
    numbers = sorted(int(key) for key in pairs)
    if numbers[-1] - numbers[0] < _MOST_FILLED:
        numbers = [*range(numbers[0], numbers[-1] + 1)]
    labels = {int(key): label for key, label in pairs.items()}
    first = next(_PAIR.finditer(comment))
    choices = tuple(MappedChoice(key=str(one), label=labels.get(one, "")) for one in numbers)
    return CommentLabels(comment[: first.start()].rstrip(" (:-,;\n"), choices)


def label_table_of(
    column: str, values: Values, tables: Iterable[CatalogTable], samples: TableSamples
) -> LabelTable | None:
    """Return the table with the labels of the values of a column; ``None`` if there is none.

    Args:
        column: The name of the column.
        values: Its values.
        tables: The tables to look at, the best first.
        samples: Samples of them.
    """
    total = sum(values.counts.values())
    if _PEOPLE.search(column):
        return None
    for table, labels in _named(column, tables):
        found = samples.labels(table, labels)
        labelled = sum(number for value, number in values.counts.items() if value in found)
        if total and labelled >= _LABELLED * total:
            return labels
    return None


def _named(
    column: str, tables: Iterable[CatalogTable]
) -> Iterator[tuple[CatalogTable, LabelTable]]:
    """Yield the tables whose name and columns are those of labels of a column."""
    stem = re.sub(r"_(id|code|key)$", "", column.lower())
    names = {form.format(name) for name in (stem, column.lower()) for form in _AROUND}
    names |= {form.format(stem) for form in _BEFORE}
    for table in tables:
        if table.name.lower() not in names or len(table.columns) > _WIDEST:
            continue
        columns = {one.name.lower(): one.name for one in table.columns}
        key = next((columns[one] for one in (column.lower(), *_KEYS) if one in columns), None)
        label = next((columns[one] for one in (*_LABELS, stem) if one in columns), None)
        if key and label and key != label:
            yield table, LabelTable(table=table.full_name, key=key, label=label)
