"""Tests of identifying columns by the ImportId objects in row 3."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
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


@settings(deadline=None)
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


def test_an_embedded_field_can_have_the_name_of_metadata() -> None:
    """The first column is the metadata, the second one the embedded field."""
    read = header('{"ImportId":"status"}', '{"ImportId":"QID1"}', '{"ImportId":"status"}')
    metadata = read.metadata("status")
    assert metadata is not None
    assert metadata.position == 0
    assert [column.position for column in read.field("status")] == [2]
    assert read.field("Region") == []
    assert len(header('{"ImportId":"progress"}').field("progress")) == 1


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


def test_the_parts_of_a_question_are_all_its_columns() -> None:
    """They include rows, texts and side-by-side columns, but not those of QID12 for QID1."""
    read = header(
        '{"ImportId":"QID1_2"}',
        '{"ImportId":"QID12"}',
        '{"ImportId":"QID1#1_2"}',
        '{"ImportId":"1_QID1_2"}',
        '{"ImportId":"QID1_TEXT"}',
        '{"ImportId":"QID1_NPS_GROUP"}',
        '{"ImportId":"QID1_DO","choiceId":"1"}',
        '{"ImportId":"QID1_TEXT_eae5a8d0e7fd4bd183e983e5Topics"}',
    )
    assert [column.position for column in read.parts("QID1")] == [0, 2, 4]
    assert [column.position for column in read.parts("1_QID1")] == [3]
    assert read.loops("QID1") == ["", "1"]
    assert read.loops("QID9") == []
