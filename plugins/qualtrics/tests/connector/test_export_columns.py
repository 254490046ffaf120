"""Tests of identifying columns by the ImportId objects in row 3."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_qualtrics.export_columns import ColumnKey, Header, read_key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def header(*keys: str) -> Header:
    """Return a header with the column names c0, c1 and so on."""
    return Header([f"c{number}" for number in range(len(keys))], list(keys))


def test_the_key_is_the_whole_object_in_any_order() -> None:
    """Objects with equal properties are the same key; an additional property makes another."""
    one, _ = read_key('{"ImportId":"QID7","choiceId":"2","x":1}') or (None, "")
    same, _ = read_key('{"x":1,"choiceId":"2","ImportId":"QID7"}') or (None, "")
    other, _ = read_key('{"ImportId":"QID7","choiceId":"2"}') or (None, "")
    assert one == same
    assert one != other
    assert other == ColumnKey("QID7", (("choiceId", "2"),))


def test_the_time_zone_is_not_part_of_the_key() -> None:
    """A date column is found by its ImportId in any time zone."""
    found = read_key('{"ImportId":"recordedDate","timeZone":"America/Denver"}')
    assert found == (ColumnKey("recordedDate"), "America/Denver")


@pytest.mark.parametrize(
    "cell",
    ["", "TWIN_ID", "{}", "[]", "null", '{"ImportId":5}', "{'ImportId': 'QID4-1-1'}", "[" * 9**5],
)
def test_a_cell_without_an_import_id_object_has_no_key(cell: str) -> None:
    """Text that a user wrote in row 3 is not a key."""
    assert read_key(cell) is None


@given(
    st.text() | JSON.map(json.dumps) | st.dictionaries(st.just("ImportId"), JSON).map(json.dumps)
)
def test_reading_a_key_never_fails(cell: str) -> None:
    """Any cell results in a key or ``None``."""
    found = read_key(cell)
    assert found is None or isinstance(found[0].import_id, str)


def test_columns_with_equal_names_are_distinguished_by_key() -> None:
    """Each column is found by its own ImportId."""
    both = Header(["Q2_1", "Q2_1"], ['{"ImportId":"QID9_1"}', '{"ImportId":"QID62_1"}'])
    assert [column.position for column in both.all(ColumnKey("QID9_1"))] == [0]
    assert [column.position for column in both.all(ColumnKey("QID62_1"))] == [1]


def test_columns_without_a_key_are_reported_as_ignored() -> None:
    """They are reported by name, or by position if they have none."""
    read = Header(["Status", "TWIN_ID", " "], ['{"ImportId":"status"}', "TWIN_ID", ""])
    assert read.ignored == ["TWIN_ID", "column 3"]
    assert len(read.columns) == 1
    assert read.width == 3


def test_choices_of_a_split_question_are_found_by_their_id() -> None:
    """Each choice has its own column; text columns are not choices."""
    read = header(
        '{"ImportId":"QID7","choiceId":"2"}',
        '{"ImportId":"QID7_2_TEXT"}',
        '{"ImportId":"QID7","choiceId":"x3"}',
        '{"ImportId":"QID7","choiceId":"4","IsLabelsColumn":true}',
        '{"ImportId":"QID77","choiceId":"5"}',
    )
    assert list(read.choices("QID7")) == ["2", "x3"]
