"""Tests of answering queries from a debug bundle without access to the account."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    NOW,
    SURVEY,
    TOKEN,
    Account,
    account,
    embedded,
    error_of,
    mc,
    query,
    survey_definition,
    tally_of,
    write_survey,
)
from plugins.qualtrics_sandbox.tests.studies import catalog
from smaply_metrics_core import (
    BundleWriter,
    Calculation,
    Deadline,
    ExclusionReason,
    ExportFailed,
    InputError,
    MetricQuery,
    MetricsError,
    Questionnaire,
    Tally,
    Window,
)
from smaply_metrics_core.testing import ManualClock, SourceRegistry, open_bundle, write_bundle
from smaply_metrics_qualtrics_sandbox import generate
from tests.shared_data import needs_recorded_data

MARK = "-99887766"


def bundle_of(own: Account, tmp_path: Path, survey: str = SURVEY) -> Path:
    """Create a bundle as the host does."""

    def fill(bundle: BundleWriter) -> None:
        manifest = {
            "source": "qualtrics",
            "survey_id": survey,
            "zone": "UTC",
            "week_start": 1,
            "include_personal": False,
            "made_at": NOW,
        }
        bundle.add_json("bundle.json", manifest)
        with own.session() as session:
            session.debug_export(survey, bundle)

    return write_bundle(tmp_path / "bundle.zip", [TOKEN], include_personal=False, fill=fill)


def recompute(
    path: Path, tmp_path: Path, *queries: MetricQuery, as_of: datetime = NOW, survey: str = SURVEY
) -> dict[str, Tally | MetricsError]:
    """Answer queries from a bundle."""
    folder = tmp_path / "copies"
    folder.mkdir(exist_ok=True)
    source = SourceRegistry().get("qualtrics")
    deadline = Deadline.after(60, ManualClock(as_of))
    with open_bundle(path, folder) as reader, source.offline(deadline=deadline) as session:
        return session.recompute(survey, queries, reader)


def rewritten(path: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Return a copy of a bundle with some files changed or removed."""
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        files = {name: old.read(name) for name in old.namelist()} | dict(changes)
        for name, content in files.items():
            if content is not None:
                new.writestr(name, content)
    return target


def everything(questionnaire: Questionnaire) -> Iterator[MetricQuery]:
    """Yield queries for every calculation of every question, and by field and month."""
    survey = questionnaire.survey.id
    for question in questionnaire.walk():
        keys = [choice.key for choice in question.choices if choice.analyze]
        for calculation in question.calculations:
            if calculation is Calculation.NET_SCORE:
                continue  # It has two sets of answers, and the counts of an NPS.
            answers = keys[:1] if calculation is Calculation.SHARE else ()
            if calculation is not Calculation.SHARE or answers:
                name = f"{question.id} {calculation}"
                yield query(calculation, question.id, query_id=name, answers=answers, survey=survey)
    fields = [f"field:{field.name}" for field in questionnaire.fields[:1]]
    for group_by in (*fields, "period:month"):
        yield query("responses", query_id=group_by, group_by=group_by, survey=survey)
    yield query(
        "responses", query_id="with previews", include=[ExclusionReason.PREVIEW], survey=survey
    )
    january = Window(start=NOW - timedelta(days=60), end=NOW - timedelta(days=30))
    yield query("responses", query_id="some weeks", windows=[january], survey=survey)


def without_reasons(tally: Tally) -> Any:  # noqa: ANN401  # JSON.
    """Return a tally without reasons for missing answers, time and notes."""
    dumped = tally.model_dump(mode="json", exclude={"as_of", "notes"})
    for window in dumped["windows"]:
        for counts in (window["total"], *(group["counts"] for group in window["groups"])):
            counts["unanswered"] = sum(counts["unanswered"].values())
    return dumped


def test_every_count_equals_the_online_count(own: Account, tmp_path: Path) -> None:
    """All calculations of all questions have the same counts, without any request."""
    with own.session() as session:
        queries = tuple(everything(session.questions(SURVEY)))
    assert len(queries) > 40
    online = own.fetch(*queries)
    path = bundle_of(own, tmp_path)
    own.sandbox.state.set_token(None)
    asked = len(own.calls())
    offline = recompute(path, tmp_path, *queries)
    assert len(own.calls()) == asked
    for name in online:
        found = tally_of(offline, name)
        assert without_reasons(found) == without_reasons(tally_of(online, name)), name
        assert found.as_of == NOW
        assert "not_shown" not in found.windows[0].total.unanswered


def compare_all(folder: Path, tmp_path: Path) -> int:
    """Compare every calculation of every question and return the number of comparisons."""
    compared = 0
    with account(folder, export_polls=0) as mine:
        with mine.session() as session:
            surveys = session.surveys()
        for survey in surveys:
            place = tmp_path / survey.id
            place.mkdir()
            with mine.session() as session:
                queries = tuple(everything(session.questions(survey.id)))
            online = mine.fetch(*queries, survey=survey.id)
            path = bundle_of(mine, place, survey.id)
            offline = recompute(path, place, *queries, survey=survey.id)
            for name, outcome in online.items():
                if isinstance(outcome, MetricsError):
                    assert error_of(offline, name).message == outcome.message, name
                    continue
                compared += 1
                found = without_reasons(tally_of(offline, name))
                assert found == without_reasons(outcome), (survey.name, name)
    return compared


@pytest.mark.deep(reason="counts every question of five real studies twice")
@needs_recorded_data
def test_real_studies_have_equal_counts(tmp_path: Path) -> None:
    """The counts of real surveys equal those from their bundles."""
    assert compare_all(catalog.REAL_STUDIES, tmp_path) > 500


@pytest.mark.deep(reason="counts every question of the invented studies twice")
def test_own_studies_have_equal_counts(tmp_path: Path) -> None:
    """The counts of studies modelled on real ones equal those from their bundles."""
    studies = catalog.write_own_studies(tmp_path / "studies")
    assert compare_all(studies, tmp_path) > 100


@pytest.mark.deep(reason="counts every question of the generated surveys twice")
def test_generated_surveys_have_equal_counts(tmp_path: Path) -> None:
    """Exclusions by status and of “not applicable” are the same from a bundle."""
    generate(tmp_path / "surveys", seed=3, until=NOW)
    assert compare_all(tmp_path / "surveys", tmp_path) > 100


def test_later_responses_are_excluded(own: Account, tmp_path: Path) -> None:
    """A response counts up to and including the second of the bundle."""
    path = bundle_of(own, tmp_path)
    everyone = query("responses")
    at = datetime.fromisoformat("2026-02-01T09:05:01+00:00")
    for as_of, count in ((at - timedelta(seconds=1), 1), (at, 6), (NOW, 6)):
        found = tally_of(recompute(path, tmp_path, everyone, as_of=as_of))
        assert found.windows[0].total.responses == count


@pytest.fixture
def looped(tmp_path: Path) -> Iterator[Account]:
    """A survey with loops 1 and 2 in which some questions were seen but not answered."""
    rows_of = {"1": {"Display": "Speed"}, "2": {"Display": "Price"}}
    slider = mc("Cost", {"1": "Euro"}, QuestionType="Slider", Selector="HSLIDER")
    questions = {"QID1": {**MATRIX, "Choices": rows_of, "ChoiceOrder": ["1", "2"]}, "QID2": slider}
    asked = [{"Type": "Question", "QuestionID": question_id} for question_id in questions]
    options = {"Looping": "Static", "LoopingOptions": {"Static": {"1": {}, "2": {}}}}
    definition = survey_definition(
        questions,
        Blocks={"BL_1": {"Type": "Standard", "BlockElements": asked, "Options": options}},
        SurveyFlow={"Type": "Root", "Flow": [embedded("Region"), {"Type": "Block", "ID": "BL_1"}]},
    )
    columns: dict[str, object] = {
        **{f"speed{loop}": f"{loop}_QID1_1" for loop in "12"},
        **{f"price{loop}": f"{loop}_QID1_2" for loop in "12"},
        **{f"cost{loop}": f"{loop}_QID2_1" for loop in "12"},
        "Region": "Region",
    }
    rows = [
        {"speed1": "2", "price2": "1", "cost1": "5", "cost2": "-3"},
        {"price1": "2", "speed2": "1", "price2": "1", "Region": "North"},
        {"speed1": "1", "price1": "1", "cost2": "7"},
        {"speed1": "1", "Finished": "0"},
    ]
    write_survey(tmp_path / "surveys" / "looped", definition, columns, rows)
    with account(tmp_path / "surveys", export_polls=0) as mine:
        yield mine


def columns_of(content: bytes, names: Sequence[str]) -> list[list[str]]:
    """Return some columns of an export without the header."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    return [[row[rows[0].index(name)] for name in names] for row in rows[3:]]


def test_loops_have_equal_counts_and_reasons(looped: Account, tmp_path: Path) -> None:
    """Bundles of surveys with loops mark seen questions, so reasons are equal as well."""
    with looped.session() as session:
        queries = tuple(everything(session.questions(SURVEY)))
    online = looped.fetch(*queries)
    path = bundle_of(looped, tmp_path)
    with zipfile.ZipFile(path) as files:
        request = json.loads(files.read("export-request.json"))
        raw, shown = files.read("raw/responses.csv"), files.read("responses.csv")
    offline = recompute(path, tmp_path, *queries)
    assert request["seenUnansweredRecode"] == int(MARK)
    assert MARK.encode() in raw
    assert MARK.encode() not in shown
    assert columns_of(shown, ["cost2"]) == [["-3"], [""], ["7"], [""]]
    compared = 0
    for name, outcome in online.items():
        if isinstance(outcome, MetricsError):
            assert error_of(offline, name).message == outcome.message
            continue
        compared += 1
        found = tally_of(offline, name)
        assert found.model_dump(exclude={"as_of"}) == outcome.model_dump(exclude={"as_of"}), name
    assert compared > 10


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({"raw/responses.csv": None}, InputError, "raw/responses.csv"),
        ({"definition.json": None}, InputError, "definition.json"),
        ({"definition.json": b"{"}, InputError, "invalid JSON"),
        ({"definition.json": b"[]"}, MetricsError, "definition"),
        ({"raw/responses.csv": b"\0"}, ExportFailed, "three header rows"),
        ({"raw/responses.csv": b'a,b\n1,2\n"' + b"x" * 200_000}, ExportFailed, "not valid CSV"),
        ({"export-request.json": b"[1]"}, None, ""),
        ({"response-schema.json": None}, None, ""),
    ],
)
def test_a_missing_or_invalid_file_is_an_error(
    own: Account,
    tmp_path: Path,
    changes: Mapping[str, bytes | None],
    kind: type[MetricsError] | None,
    expected: str,
) -> None:
    """A file that the query does not need can be missing."""
    path = rewritten(bundle_of(own, tmp_path), changes)
    before = csv.field_size_limit(131_072)  # The default: the sandbox, in this process, raises it.
    outcome = recompute(path, tmp_path, query("nps", "QID1"))["q"]
    csv.field_size_limit(before)
    if kind is None:
        assert isinstance(outcome, Tally)
        return
    assert isinstance(outcome, kind), outcome
    assert expected in outcome.message


def test_an_unknown_time_zone_is_an_error(own: Account, tmp_path: Path) -> None:
    """Responses are not excluded silently."""
    path = bundle_of(own, tmp_path)
    with zipfile.ZipFile(path) as files:
        raw = files.read("raw/responses.csv")
    zones = {'""timeZone"":""UTC""': '""timeZone"":""Mars""', '""Z""': '""Mars""'}
    text = raw.decode()
    for one, other in zones.items():
        text = text.replace(one, other)
    assert text.encode() != raw
    changed = rewritten(path, {"raw/responses.csv": text.encode()})
    assert "Mars" in error_of(recompute(changed, tmp_path, query("responses"))).message
