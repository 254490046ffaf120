"""Tests of continuation, sorting, saved filters, responses in progress, label columns and XML."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from plugins.qualtrics_sandbox.tests.support import (
    COLUMNS,
    DEFINITION,
    NOW,
    SURVEY,
    Client,
    Json,
    running,
    write_survey,
)
from smaply_metrics_qualtrics_sandbox.errors import ControlError


def ids(client: Client, **options: Json) -> list[str]:
    """Return the ids of the exported responses."""
    rows = client.rows(**options)
    place = rows[0].index("ResponseId")
    return [row[place] for row in rows[3:]]


def xml(text: str) -> ET.Element:
    """Parse an XML export."""
    return ET.fromstring(text)  # noqa: S314 - the sandbox wrote it


class TestContinuation:
    """`allowContinuation` and `continuationToken`."""

    def start(self, client: Client, **options: Json) -> str:
        """Start an export and return its token, which start and progress contain."""
        started = client.start({"format": "csv", **options})
        assert started.status_code == 200, started.text
        token: str = started.json()["result"]["continuationToken"]
        client.progress(started)
        assert client.progress(started)["continuationToken"] == token
        return token

    def test_a_token_continues_after_the_export(self, own: Client) -> None:
        """Responses that are recorded later are exported once, also in the past of the clock."""
        first = self.start(own, allowContinuation=True)
        assert ids(own, continuationToken=first) == []
        own.state.add_responses(SURVEY, [{"QID1": 1, "recordedDate": "2020-01-01"}])
        second = self.start(own, continuationToken=first)
        assert len(ids(own, continuationToken=first)) == 1
        assert ids(own, continuationToken=second) == []

    def test_modified_responses_are_repeated_if_sorted(self, tmp_path: Path) -> None:
        """With sortByLastModifiedDate, responses that were changed later are exported again."""
        dates = ("2025-05-01 00:00:00", "2026-03-02 00:00:00", "", "2025-01-01 00:00:00")
        key = {"ImportId": "lastModifiedDate"}
        write_survey(tmp_path / "one", DEFINITION, [*COLUMNS, ("LastModifiedDate", "", key, dates)])
        with running(tmp_path) as client:
            token = self.start(client, allowContinuation=True)
            assert ids(client, continuationToken=token) == []
            again: Json = {"continuationToken": token, "sortByLastModifiedDate": True}
            assert ids(client, **again) == ["R_2"]

    def test_a_token_expires_and_belongs_to_a_survey(self, tmp_path: Path) -> None:
        """After a week, for another survey, and if it was not requested, it is 400."""
        now = [NOW]
        write_survey(tmp_path / "one")
        write_survey(tmp_path / "two", {**DEFINITION, "SurveyID": "SV_other"})

        def clock() -> datetime:
            return now[0]

        with running(tmp_path, now=clock) as client:
            token = self.start(client, allowContinuation=True)
            body = {"format": "csv", "continuationToken": token}
            assert client.start(body, survey="SV_other").status_code == 400
            now[0] += timedelta(days=7, seconds=-1)
            assert client.start(body).status_code == 200
            now[0] += timedelta(seconds=1)
            refused = client.start(body)
            for unknown in ("", "x"):
                assert client.start({**body, "continuationToken": unknown}).status_code == 400
        assert refused.status_code == 400
        assert "continuationToken" in refused.json()["meta"]["error"]["errorMessage"]

    def test_there_is_no_token_unless_requested(self, api: Client) -> None:
        """Neither in the start nor in the progress."""
        started = api.start({"format": "csv", "allowContinuation": False})
        assert "continuationToken" not in started.json()["result"]
        api.progress(started)
        assert "continuationToken" not in api.progress(started)


class TestSortByLastModifiedDate:
    """`sortByLastModifiedDate`."""

    def test_responses_are_sorted_and_filtered_by_modification(self, tmp_path: Path) -> None:
        """The column is added; without the option it is not exported unless it is named."""
        dates = ("2026-02-02 00:00:00", "2026-02-01 00:00:00", "2026-02-03 00:00:00", "2026-01-01")
        key = {"ImportId": "lastModifiedDate", "timeZone": "UTC"}
        columns = [*COLUMNS, ("LastModifiedDate", "Last Modified", key, dates)]
        write_survey(tmp_path / "one", DEFINITION, columns)
        with running(tmp_path) as client:
            rows = client.rows(sortByLastModifiedDate=True, startDate="2026-02-01T00:00:00Z")
            assert rows[0][-1] == "LastModifiedDate"
            assert [row[-1] for row in rows[3:]] == sorted(dates[:3])
            some: Json = {"sortByLastModifiedDate": True, "surveyMetadataIds": ["_recordId"]}
            assert ids(client, **some) == ["R_4", "R_2", "R_1", "R_3"]
            assert client.rows(**some)[0][-1] == "LastModifiedDate"
            assert "LastModifiedDate" not in client.rows()[0]
            named = client.rows(surveyMetadataIds=["lastModifiedDate"], questionIds=[])
            assert "LastModifiedDate" in named[0]

    def test_the_recorded_date_replaces_a_missing_one(self, api: Client) -> None:
        """A response that was never changed was modified when it was recorded."""
        rows = api.rows(sortByLastModifiedDate=True)
        recorded, modified = rows[0].index("RecordedDate"), rows[0].index("LastModifiedDate")
        assert [row[recorded] for row in rows[3:]] == [row[modified] for row in rows[3:]]
        assert json.loads(rows[2][modified])["ImportId"] == "lastModifiedDate"
        values = json.loads(api.text({"format": "json", "sortByLastModifiedDate": True}))
        assert values["responses"][0]["values"]["lastModifiedDate"] == "2025-04-21T18:13:00Z"

    def test_it_requires_dates(self, tmp_path: Path) -> None:
        """A file without RecordedDate cannot be sorted."""
        write_survey(tmp_path / "one", DEFINITION, COLUMNS[2:])
        with running(tmp_path) as client:
            assert (
                client.start({"format": "csv", "sortByLastModifiedDate": True}).status_code == 400
            )


class TestResponsesInProgress:
    """`exportResponsesInProgress`."""

    def test_only_unrecorded_responses_are_in_progress(self, own: Client) -> None:
        """They are excluded from all other exports."""
        own.state.add_responses(SURVEY, [{"_recordId": "R_5", "recordedDate": None, "QID1": 4}])
        assert ids(own) == ["R_1", "R_2", "R_3", "R_4"]
        assert ids(own, exportResponsesInProgress=True) == ["R_5"]
        rows = own.rows(exportResponsesInProgress=True, startDate="2030-01-01T00:00:00Z")
        cells = dict(zip(rows[0], rows[3], strict=True))
        assert (cells["Finished"], cells["RecordedDate"], cells["NPS"]) == ("0", "", "4")

    def test_there_are_none_in_a_file_of_recorded_responses(self, api: Client) -> None:
        """Unfinished responses with a recorded date are recorded."""
        assert ids(api, exportResponsesInProgress=True) == []


class TestSavedFilters:
    """`filterId`."""

    def test_a_filter_is_listed_and_selects_responses(self, own: Client) -> None:
        """It selects the responses with all of its cells, before the limit."""
        body = {"name": "Shop", "cells": {"Channel": "Shop", "status": "0"}}
        answer = own.control(f"/surveys/{SURVEY}/filters", body)
        wanted = answer.json()["filterId"]
        elements = own.get(f"/surveys/{SURVEY}/filters").json()["result"]["elements"]
        assert elements == [
            {"filterId": wanted, "filterName": "Shop", "creationDate": "2026-03-01T12:00:00Z"}
        ]
        assert ids(own, filterId=wanted, limit=1) == ["R_2"]
        assert own.control(f"/surveys/{SURVEY}/filters", {"cells": {"no": "1"}}).status_code == 400

    def test_an_unknown_filter_is_rejected(self, api: Client) -> None:
        """The message names the field."""
        answer = api.start({"format": "csv", "filterId": "9b67fbb7"})
        assert answer.status_code == 400
        assert "filterId" in answer.json()["meta"]["error"]["errorMessage"]


class TestLabelColumns:
    """`includeLabelColumns`."""

    def test_a_column_with_labels_is_followed_by_them(self, api: Client) -> None:
        """The second column has the same header, and IsLabelsColumn in row 3."""
        rows = api.rows(includeLabelColumns=True, embeddedDataIds=[])
        place = rows[0].index("Channel")
        assert [row[place] for row in rows[3:]] == ["10", "20", "30", ""]
        assert [row[place + 1] for row in rows[3:]] == ["Web shop", "Shop", "Other", ""]
        assert rows[0][place + 1] == "Channel"
        assert json.loads(rows[2][place + 1]) == {"ImportId": "QID2", "IsLabelsColumn": True}
        doubled = [json.loads(raw)["ImportId"] for raw in rows[2] if "IsLabelsColumn" in raw]
        assert {"status", "QID1_NPS_GROUP", "QID3_1", "QID12", "1_QID7"} <= set(doubled)
        assert not {"QID5_TEXT", "startDate", "QID6_FIRST_CLICK"} & set(doubled)

    def test_joined_choices_have_one_label_column(self, api: Client) -> None:
        """Without breakoutSets it contains the labels, joined by commas."""
        rows = api.rows(includeLabelColumns=True, breakoutSets=False, questionIds=["QID12"])
        place = rows[0].index("Well")
        assert rows[0].count("Well") == 2
        assert rows[3][place : place + 2] == ["1,2", "Advice,Other"]


class TestXml:
    """The format xml."""

    def test_an_element_per_filled_cell(self, api: Client) -> None:
        """Names are ImportIds, with the choice if there is one."""
        root = xml(api.text({"format": "xml"}))
        assert [response.findtext("_recordId") for response in root] == ["R_1", "R_2", "R_3", "R_4"]
        first = root[0]
        assert first.findtext("QID2") == "10"
        assert first.findtext("QID12_1") == "1"
        assert first.findtext("_1_QID7") == "1"
        assert first.findtext("QID5_TEXT") == 'one\r\ntwo, "three"'
        assert first.find("QID9") is None
        labelled = xml(api.text({"format": "xml", "useLabels": True}))
        assert labelled[0].findtext("QID2") == "Web shop"

    def test_any_field_and_text_is_well_formed(self, tmp_path: Path) -> None:
        """Names and characters that XML cannot contain are replaced."""
        names = ["Create New Field...", "1st", "a<b>&c", "xml", "é", "x:y", "-1"]
        text = "\x00\x0b\x85<&>]]>\U0001f600"
        columns: list[Json] = [(name, name, {"ImportId": name}, (text,)) for name in names]
        write_survey(tmp_path / "one", DEFINITION, columns)
        with running(tmp_path) as client:
            (response,) = xml(client.text({"format": "xml"}))
        assert [element.text for element in response] == ["\x85<&>]]>\U0001f600"] * len(names)
        assert response[0].tag == "Create_New_Field..."

    def test_a_plain_file_has_its_content_type(self, api: Client) -> None:
        """It is not compressed on request."""
        answer = api.fetch({"format": "xml", "compress": False})
        assert answer.headers["content-type"].startswith("application/xml")
        assert xml(answer.text).tag == "Responses"


class TestSpss:
    """The format spss."""

    def test_codes_have_value_labels(self, api: Client, tmp_path: Path) -> None:
        """Codes, ticks and numbers are numeric, and names are valid; the member is a SAV file."""
        pyreadstat = pytest.importorskip("pyreadstat", reason="the extra spss is not installed")
        body: Json = {"format": "spss", "useLabels": True, "timeZone": "America/Denver"}
        with zipfile.ZipFile(io.BytesIO(api.fetch(body).content)) as archive:
            (member,) = archive.namelist()
            (tmp_path / "export.sav").write_bytes(archive.read(member))
        assert member == "Everything_ a_b_.sav"
        frame, meta = pyreadstat.read_sav(tmp_path / "export.sav", output_format="dict")
        assert meta.number_rows == 4
        assert frame["Channel"][:3] == [10.0, 20.0, 30.0]
        assert meta.variable_value_labels["Channel"] == {
            20.0: "Shop",
            10.0: "Web shop",
            30.0: "Other",
        }
        assert meta.column_names_to_labels["Channel"] == "Which channel?"
        assert frame["StartDate"][0] == "2025-04-21 12:11:00"
        assert frame["V1_Loop"][0] == 1.0
        assert frame["More"][0] == 'one\r\ntwo, "three"'
        assert frame["SC0"][0] == 7.5

    def test_any_name_is_valid_and_distinct(self, tmp_path: Path) -> None:
        """SPSS does not distinguish upper and lower case."""
        pyreadstat = pytest.importorskip("pyreadstat", reason="the extra spss is not installed")
        names = ["a b", "A_B", "a-b", "1", "_", "ü", "x" * 99, "x" * 98, "a."]
        columns: list[Json] = [(name, "", {"ImportId": name}, ("1",)) for name in names]
        write_survey(tmp_path / "s" / "one", DEFINITION, columns)
        with running(tmp_path / "s") as client:
            answer = client.fetch({"format": "spss", "compress": False})
        (tmp_path / "export.sav").write_bytes(answer.content)
        _, meta = pyreadstat.read_sav(tmp_path / "export.sav", output_format="dict")
        assert len(meta.column_names) == len(names)
        assert meta.column_names[:4] == ["a_b", "A_B_1", "a_b_2", "V1"]


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("2025-07-01T06:07:00.000Z", ["R_2", "R_3", "R_4"]),
        ("2025-07-01T06:07:00.000001+00:00", ["R_3", "R_4"]),
        ("2025-07-01T08:07:00+0200", ["R_2", "R_3", "R_4"]),
        ("2025-07-01T06:06:59.5Z", ["R_2", "R_3", "R_4"]),
    ],
)
def test_dates_can_have_fractions(api: Client, start: str, found: list[str]) -> None:
    """Responses have whole seconds, so a fraction is the next second for both ends."""
    assert ids(api, startDate=start) == found
    assert ids(api, endDate=start) == [name for name in ids(api) if name not in found]


def test_display_orders_can_be_in_one_column(tmp_path: Path) -> None:
    """JSON has the ids and the texts of the rows, in the displayed order."""
    columns: list[Json] = [("Rate_DO", "Order", {"ImportId": "QID3_DO"}, ("4|1",))]
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        (response,) = json.loads(client.text({"format": "json"}))["responses"]
    assert response["values"] == {"QID3_DO": ["4", "1"]}
    assert response["labels"] == {"QID3_DO": ["Price", "Speed"]}


def test_labels_have_no_blank_for_an_inline_tag(tmp_path: Path) -> None:
    """A tag that begins a line is a blank, and text that only looks like a tag remains."""
    question = {
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": {"1": {"Display": "Row"}},
        "Answers": {
            "1": {"Display": "H<sub>2</sub>O"},
            "2": {"Display": "one<br/>two<!-- <b> -->"},
            "3": {"Display": "a < b &amp; <SPAN style='x'>c</SPAN>d"},
            "4": {"Display": "Long text"},
        },
        "RecodeValues": {"1": None, "2": "20", "3": ""},
        "VariableNaming": {"4": "short"},
    }
    definition = {**DEFINITION, "Questions": {"QID1": question}, "Blocks": {}}
    cells = ("1", "20", "3", "4")
    write_survey(tmp_path / "one", definition, [("R", "R", {"ImportId": "QID1_1"}, cells)])
    with running(tmp_path) as client:
        assert [row[0] for row in client.rows()[3:]] == ["1", "20", "3", "4"]
        labels = [row[0] for row in client.rows(useLabels=True)[3:]]
        schema = client.text({"format": "json"})
        view = client.get(f"/surveys/{SURVEY}").json()["result"]
    assert labels == ["H2O", "one two", "a < b & cd", "short"]
    assert "None" not in schema
    assert [c["recode"] for c in view["questions"]["QID1"]["choices"].values()] == list(cells)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "Panel",
        "{}",
        "[]",
        "null",
        "5",
        '{"ImportId":5}',
        '{"ImportId":""}',
        '{"importId":"QID1"}',
        "{'ImportId': 'QID1'}",
        "[" * 9**5,
    ],
)
def test_columns_that_people_added_are_not_exported(tmp_path: Path, raw: str) -> None:
    """They have no object with an ImportId in row 3, and no format or route contains them."""
    columns: list[Json] = [
        ("Added", "Added", raw, ("secret",)),
        ("NPS", "NPS", {"ImportId": "QID1"}, ("9",)),
        ("", "", raw, ("secret",)),
    ]
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        assert client.rows()[0] == ["NPS"]
        assert client.rows()[3:] == [["9"]]
        for name in ("json", "ndjson", "xml", "tsv"):
            assert "secret" not in client.text({"format": name})
        schema = client.get(f"/surveys/{SURVEY}/response-schema").json()["result"]
        assert list(schema["properties"]["values"]["properties"]) == ["QID1"]
        client.state.add_responses(SURVEY, [{"QID1": 3}])
        assert client.rows()[4:] == [["3"]]
        with pytest.raises(ControlError, match="No column"):
            client.state.add_responses(SURVEY, [{"Added": "x"}])


@pytest.mark.parametrize("cell", ["\r", "a\rb", "\n", "\r\n", " ", '"', "a\tb", "\u2028", "=1"])
@pytest.mark.parametrize("name", ["csv", "tsv"])
def test_any_cell_is_read_back(tmp_path: Path, name: str, cell: str) -> None:
    """Carriage returns are quoted as newlines are."""
    columns: list[Json] = [
        ("Field", "Field", {"ImportId": "Field"}, (cell, "x")),
        ("Other", "Other", {"ImportId": "Other"}, ("y", "y")),
    ]
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        text = client.text({"format": name})
    delimiter = "\t" if name == "tsv" else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert rows[3:] == [[cell, "y"], ["x", "y"]]
