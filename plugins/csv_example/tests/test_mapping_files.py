"""Mapping files next to the files that they describe."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

import smaply_metrics_core as core
from smaply_metrics_core.calculations import calculate
from smaply_metrics_csv_example import source
from tests.http_clients import client_without_network

OWN = "recorded_at,field:Ort,Note,Extras[]\n2026-10-03,Köln,4.5,a;b\n2026-10-04,Wien,1234.5,b\n"
EUROPEAN = "Datum\tOrt\tNote\tExtras\n03/10/2026\tKöln\t4,5\ta;b\n04/10/2026\tWien\t1.234,5\tb\n"


@pytest.fixture
def context(tmp_path: Path) -> core.SourceContext:
    """A context for the files in a folder."""
    clock = core.SystemClock()
    return core.SourceContext(
        http=client_without_network(),
        deadline=core.Deadline.after(60, clock),
        destinations=(core.Destination(kind="folder", folder=tmp_path.resolve()),),
        folder=tmp_path,
        clock=clock,
    )


def sums(context: core.SourceContext, survey: str, group_by: str) -> dict[str, float | None]:
    """Return the sum of the question Note for each group."""
    definition = core.Definition.model_validate(
        {
            "survey_id": survey,
            "type": "series",
            "calculation": "sum",
            "question_id": "Note",
            "group_by": core.GroupBy.parse(group_by),
        }
    )
    query = core.MetricQuery(id="1", definition=definition)
    ((_, tally),) = source.fetch_metric(context, survey, [query])
    assert isinstance(tally, core.Tally)
    return {one.key: one.value for one in calculate(query, tally, context.now()).groups}


def test_a_mapping_states_how_a_file_is_read(context: core.SourceContext, tmp_path: Path) -> None:
    """A European file with a mapping has the numbers of the same answers in the own format."""
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    (tmp_path / "other.csv").write_bytes(EUROPEAN.encode("cp1252"))
    mapping = tmp_path / "other.mapping.json"

    with pytest.raises(core.ExportFailed, match=r"other\.csv: Is the day or the month first"):
        source.list_questions(context, "other")
    mapping.write_text('{"dates": "first"}')
    with pytest.raises(core.ExportFailed, match=r"other.mapping.json: “dates”: Input should be"):
        source.list_questions(context, "other")
    mapping.write_text(
        '{"dates": "day_first", "encoding": "cp1252",'
        ' "columns": {"Ort": "field", "Extras": "multiple"}}'
    )

    own, other = (source.list_questions(context, survey) for survey in ("own", "other"))
    assert (other.questions, other.fields) == (own.questions, own.fields)
    for group_by in ("field:Ort", "period:day"):
        assert sums(context, "other", group_by) == sums(context, "own", group_by)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        bundle = core.BundleWriter(archive, folder=tmp_path, include_personal=False)
        source.debug_export(context, "other", bundle)
    with zipfile.ZipFile(stream) as archive:
        lines = archive.read("raw/responses.csv").decode().splitlines()
    assert lines[1] == "2026-10-03T00:00:00+00:00,,Köln,4.5,a;b"


def test_two_files_of_one_survey_are_refused(context: core.SourceContext, tmp_path: Path) -> None:
    """It would be unclear which of them has the responses."""
    for name in ("visits.csv", "visits.tsv"):
        (tmp_path / name).write_text("recorded_at\n")

    assert [survey.id for survey in source.list_surveys(context)] == ["visits"]
    with pytest.raises(core.SurveyUnavailable, match=r"visits\.csv, visits\.tsv"):
        source.list_questions(context, "visits")
