"""Tests of the surveys, questions, counts and errors that the source derives from files."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

import smaply_metrics_core as core
from smaply_metrics_core import (
    BundleWriter,
    Calculation,
    Definition,
    GroupBy,
    MetricQuery,
    QuestionKind,
    SourceContext,
    Tally,
)
from smaply_metrics_core.calculations import calculate
from smaply_metrics_csv_example import source
from smaply_metrics_csv_example.source import CsvCredentials
from tests.http_clients import client_without_network

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VISITS = Path(__file__).parent / "files" / "visits.csv"
Write = Callable[..., SourceContext]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes files, passed by name, and returns a context to read them."""
    folder = tmp_path / "surveys"
    folder.mkdir()

    def written(**files: str | bytes) -> SourceContext:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / f"{name}.csv").write_bytes(data)
        return SourceContext(
            http=client_without_network(),
            deadline=core.Deadline.after(60, core.SystemClock()),
            destinations=(core.Destination(kind="folder", folder=folder.resolve()),),
            folder=tmp_path,
            clock=core.SystemClock(),
        )

    return written


@pytest.fixture
def visits(write: Write) -> SourceContext:
    """A folder with the example file of the README."""
    return write(visits=VISITS.read_bytes())


def questions(context: SourceContext, survey_id: str = "visits") -> dict[str, core.Question]:
    """Return the questions of a survey by id."""
    return {one.id: one for one in source.list_questions(context, survey_id).questions}


def column(write: Write, name: str, *cells: str) -> core.Question:
    """Return the question of a survey with one column and these answers."""
    rows = "".join(f'2026-01-01,"{cell}"\n' for cell in cells)
    return questions(write(one=f"recorded_at,{name}\n{rows}"), "one")[name]


def ask(
    context: SourceContext,
    calculation: str,
    question_id: str | None = None,
    by: str | None = None,
    **parts: object,
) -> MetricQuery:
    """Return a query for a calculation."""
    return MetricQuery(
        id=f"{calculation} {question_id} {by}",
        definition=Definition.model_validate(
            {
                "survey_id": "visits",
                "type": "series" if by or calculation == "distribution" else "number",
                "calculation": calculation,
                "question_id": question_id,
                "group_by": GroupBy.parse(by) if by else None,
                **parts,
            }
        ),
    )


def measure(
    context: SourceContext,
    calculation: str,
    question_id: str | None = None,
    by: str | None = None,
    **parts: object,
) -> core.Result:
    """Fetch one metric and return its result."""
    query = ask(context, calculation, question_id, by, **parts)
    ((query_id, outcome),) = source.fetch_metric(context, query.definition.survey_id, [query])
    assert query_id == query.id
    if isinstance(outcome, core.MetricsError):
        raise outcome
    return calculate(query, outcome, NOW)


def groups(result: core.Result) -> dict[str, float | None]:
    """Return the value of each group by its key."""
    return {group.key: group.value for group in result.groups}


def test_each_file_is_a_survey(write: Write) -> None:
    """Files are listed by name without the extension; hidden and other files are not listed."""
    context = write(visits="recorded_at\n", calls="recorded_at\n")
    (folder,) = (one.folder for one in context.destinations if one.folder)
    (folder / ".hidden.csv").write_text("recorded_at\n")
    (folder / "notes.txt").write_text("recorded_at\n")
    (folder / "archive.csv").mkdir()

    assert [survey.id for survey in source.list_surveys(context)] == ["calls", "visits"]


def test_links_out_of_the_folder_are_not_followed(write: Write, tmp_path: Path) -> None:
    """A link to a file outside the folder is ignored; a link inside the folder is followed."""
    context = write(visits="recorded_at\n")
    (folder,) = (one.folder for one in context.destinations if one.folder)
    secret = tmp_path / "secret.csv"
    secret.write_text("recorded_at\n2026-01-01\n")
    (folder / "outside.csv").symlink_to(secret)
    (folder / "inside.csv").symlink_to(folder / "visits.csv")

    assert [survey.id for survey in source.list_surveys(context)] == ["inside", "visits"]
    with pytest.raises(core.SurveyUnavailable):
        source.list_questions(context, "outside")


@pytest.mark.parametrize(
    "survey_id", ["gone", "../secret", "", ".", "visits.csv", "a\0b", "x" * 999]
)
def test_an_id_is_never_a_path(write: Write, tmp_path: Path, survey_id: str) -> None:
    """An id that is not in the list is rejected, whatever it contains."""
    (tmp_path / "secret.csv").write_text("recorded_at\n")
    context = write(visits="recorded_at\n")

    with pytest.raises(core.SurveyUnavailable, match="does not exist"):
        source.list_questions(context, survey_id)


def test_columns_become_questions_and_fields(visits: SourceContext) -> None:
    """The example's columns become the questions and fields that the README documents."""
    questionnaire = source.list_questions(visits, "visits")

    assert {one.id: (one.kind, one.can_group_by) for one in questionnaire.questions} == {
        "nps": (QuestionKind.NPS, True),
        "satisfaction": (QuestionKind.SINGLE_CHOICE, True),
        "channel": (QuestionKind.SINGLE_CHOICE, True),
        "services[]": (QuestionKind.MULTIPLE_CHOICE, False),
        "spent": (QuestionKind.NUMBER, False),
        "comment": (QuestionKind.TEXT, False),
    }
    assert [field.name for field in questionnaire.fields] == ["store"]
    services = next(one for one in questionnaire.questions if one.id == "services[]")
    assert [choice.key for choice in services.choices] == ["advice", "parking", "repair"]
    assert services.text == "services"


@pytest.mark.parametrize(
    ("name", "cells", "kind", "keys"),
    [
        ("nps", ["9"], "nps", [str(n) for n in range(11)]),
        ("Store NPS", ["10", "0"], "nps", [str(n) for n in range(11)]),
        ("nps", [""], "nps", [str(n) for n in range(11)]),
        ("nps", ["11"], "single_choice", ["11"]),
        ("nps", ["9.5"], "number", []),
        ("nps", ["high", "high"], "single_choice", ["high"]),
        # 3 is part of the scale although no response has it.
        ("rating", ["1", "2", "4.0"], "single_choice", ["1", "2", "3", "4"]),
        ("rating", ["-1", "1"], "single_choice", ["-1", "0", "1"]),
        ("rating", ["0", "50", "100"], "single_choice", ["0", "50", "100"]),
        ("age", [str(n) for n in range(20, 32)], "number", []),
        ("spent", ["1", "2.5"], "number", []),
        ("phone", ["4366412345678901234", "4366412345678901235"], "number", []),
        ("spent", ["1,5", "2,5"], "text", []),
        ("size", ["inf", "nan"], "text", []),
        ("channel", ["web", "shop", "web", "shop"], "single_choice", ["shop", "web"]),
        ("channel", ["web", "shop", "web"], "text", []),
        ("why", [f"text {n % 51}" for n in range(204)], "text", []),
        ("why", [f"text {n % 50:02}" for n in range(100)], "single_choice",
         [f"text {n:02}" for n in range(50)]),
        ("used[]", ["chat; phone", "chat;;", ""], "multiple_choice", ["chat", "phone"]),
        ("used[]", [""], "multiple_choice", []),
        ("empty", ["", ""], "text", []),
    ],
)  # fmt: skip
def test_the_kind_of_a_question_is_derived_from_its_answers(
    write: Write, name: str, cells: list[str], kind: str, keys: list[str]
) -> None:
    """The answers in a column determine the question's kind and choices."""
    question = column(write, name, *cells)

    assert question.kind == kind
    assert [choice.key for choice in question.choices] == keys


def test_the_example_is_calculated(visits: SourceContext) -> None:
    """Results equal values calculated by hand; preview and unfinished responses are excluded."""
    # NPS 10 9 8 3 7: 2 promoters, 1 detractor, 5 answers, 1 blank.
    nps = measure(visits, "nps", "nps")
    assert nps.current.value == pytest.approx(20)
    assert (nps.current.responses, nps.current.answered) == (6, 5)
    assert nps.current.excluded == {"preview": 1, "unfinished": 1}
    # Satisfaction 5 4 2 1 4; 4.0 is read as 4.
    assert measure(visits, "average", "satisfaction").current.value == pytest.approx(3.2)
    assert measure(visits, "top_2_box", "satisfaction").current.value == pytest.approx(60)
    # Spent 12.5 30 0.99 7 5.
    assert measure(visits, "sum", "spent").current.value == pytest.approx(55.49)
    assert measure(visits, "answered", "comment").current.value == 4
    assert measure(visits, "responses", include=["preview"]).current.value == 7


def test_the_example_is_grouped(visits: SourceContext) -> None:
    """Results are grouped by answer, question, field and month."""
    assert groups(measure(visits, "distribution", "services[]")) == {
        "advice": 60, "parking": 40, "repair": 40,
    }  # fmt: skip
    assert groups(measure(visits, "average", "nps", "question:channel")) == {
        "shop": 9,
        "web": 19 / 3,
    }
    assert groups(measure(visits, "responses", by="field:store")) == {"Graz": 3, "Wien": 2}
    by_month = measure(visits, "responses", by="period:month")
    assert (groups(by_month), by_month.ungrouped) == ({"2026-01": 3, "2026-02": 2}, 1)
    assert groups(measure(visits, "responses", by="question:satisfaction")) == {
        "1": 1, "2": 1, "4": 2, "5": 1,
    }  # fmt: skip


def test_the_example_is_filtered(visits: SourceContext) -> None:
    """Filters on a field, a scale and a multiple-choice question select the matching responses."""
    filters = [
        ([{"kind": "field", "of": "store", "values": ["Graz"]}], 3),
        ([{"kind": "question", "of": "satisfaction", "values": ["4"]}], 2),
        ([{"kind": "question", "of": "services[]", "values": ["parking", "repair"]}], 4),
    ]
    for wanted, responses in filters:
        assert measure(visits, "responses", filters=wanted).current.value == responses


def test_one_invalid_query_does_not_affect_the_others(visits: SourceContext) -> None:
    """An invalid query gets an error, and the others get their tallies."""
    queries = [
        ask(visits, "average", "comment"),
        ask(visits, "nps", "nps"),
        ask(visits, "responses"),
    ]

    outcome = dict(source.fetch_metric(visits, "visits", queries))

    assert {query_id: type(one) for query_id, one in outcome.items()} == {
        "average comment None": core.CalculationRefused,
        "nps nps None": Tally,
        "responses None None": Tally,
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The first row must"),
        ("recorded_at,a\n2026-01-01,1,2\n", "more cells than the header"),
        ('recorded_at,a\n2026-01-01,"open\n', "not valid CSV"),
        ("when,a\nlater,1\n", "Which column has the date"),
        ("begun,ended\n2026-01-01,2026-01-02\n", "date of the response: “begun” or “ended”?"),
        ("recorded_at,a,a\n2026-01-01,1,2\n", "2 columns are named “a”"),
        ("recorded_at,a,\n2026-01-01,1,2\n", "Column 3 has no name"),
        ("recorded_at,field:\n2026-01-01,1\n", "cannot be named “field:”"),
        ("recorded_at\n2026-01-01\n4/21/25 12:11\n", "recorded_at in row 3 must be a date"),
        ("recorded_at,status\n,\n2026-01-01,nope\n", "status in row 3 must be one of"),
        ("recorded_at\n03/10/2026\n", "Is the day or the month first in the dates of"),
        ("recorded_at,finished\n2026-01-01,yes\n", "finished in row 2 must be 1 or 0"),
    ],
)
def test_an_invalid_file_is_rejected(write: Write, content: str | bytes, problem: str) -> None:
    """The error names the file, the row and column if known, and the expected content."""
    context = write(wrong=content)

    with pytest.raises(core.ExportFailed) as caught:
        source.list_questions(context, "wrong")

    assert caught.value.message.startswith("wrong.csv: ")
    assert problem in caught.value.message
    with pytest.raises(core.ExportFailed):
        list(source.fetch_metric(context, "wrong", []))


def test_files_saved_by_spreadsheets_are_read(write: Write) -> None:
    """Byte order marks, Windows line endings, quotes and empty lines are read."""
    context = write(
        visits=b'\xef\xbb\xbf"recorded_at",why \r\n2026-01-01,"two\r\nlines"\r\n\r\n'
        b"2026-01-02 , caf\xc3\xa9\r\n,\r\n"
    )

    assert list(questions(context)) == ["why"]
    assert measure(context, "answered", "why").current.responses == 2


def test_dates_are_instants(write: Write) -> None:
    """A date without an offset is in UTC; an offset is applied."""
    context = write(
        visits="recorded_at\n2025-12-31T23:30:00-01:00\n2025-12-31T23:30:00\n"
        "2026-01-01T00:30:00+02:00\n2026-01-01T00:00:00Z\n"
    )

    assert groups(measure(context, "responses", by="period:year")) == {"2025": 2, "2026": 2}


def test_an_empty_survey_has_no_responses(write: Write) -> None:
    """A file with only a header row is a survey without responses."""
    context = write(visits="recorded_at,nps\n")

    assert measure(context, "responses").current.value == 0
    assert measure(context, "nps", "nps").current.value is None


def test_the_check_names_its_steps(visits: SourceContext) -> None:
    """The check yields the declared steps, with the number of files as a detail."""
    credentials = core.parse_credentials(CsvCredentials, {"folder": " surveys "})
    described = source.describe_source()

    steps = list(source.validate_credentials(visits))

    assert tuple(one for one in steps if isinstance(one, core.CheckStep)) == described.checks
    assert [one.detail for one in steps if isinstance(one, core.CheckNote)] == ["Files: 1"]
    assert source.destinations(credentials) == [
        core.Destination(kind="folder", folder=Path("surveys"))
    ]


@pytest.mark.parametrize(
    ("files", "error"), [({}, core.NoSurveys), ({"wrong": "a\n1\n"}, core.ExportFailed)]
)
def test_the_check_fails_its_second_step(
    write: Write, files: dict[str, str], error: type[core.MetricsError]
) -> None:
    """The optional step fails if the folder is empty or its first file is invalid."""
    steps = source.validate_credentials(write(**files))
    begun = [step.required for step in islice(steps, 3) if isinstance(step, core.CheckStep)]

    assert begun == [True, False]
    with pytest.raises(error):
        next(steps)


def debug(context: SourceContext, survey_id: str, folder: Path) -> dict[str, bytes]:
    """Return the files of a debug bundle, which is incomplete if the source raises an error."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        bundle = BundleWriter(archive, folder=folder, include_personal=False)
        try:
            source.debug_export(context, survey_id, bundle)
        except core.ExportFailed:
            bundle.add_text("failed", "")
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_debug_bundle_contains_the_file_and_its_questions(
    visits: SourceContext, write: Write, tmp_path: Path
) -> None:
    """A bundle contains the unchanged file and its questions; an invalid file is also included."""
    files = debug(visits, "visits", tmp_path)
    broken = debug(write(broken="a,b\n1\n"), "broken", tmp_path)

    assert files["raw/responses.csv"] == VISITS.read_bytes()
    described = json.loads(files["definition.json"])
    assert [one["id"] for one in described["questions"]][:2] == ["nps", "satisfaction"]
    assert (broken["raw/responses.csv"], broken["failed"]) == (b"a,b\n1\n", b"")


def test_the_readme_shows_the_example_and_the_source(visits: SourceContext) -> None:
    """The README contains the example file and lists each module of the source."""
    project = Path(__file__).parents[1]
    readme = (project / "README.md").read_text(encoding="utf-8")
    modules = {path.name for path in (project / "src").glob("*/*.py")} - {"__init__.py"}

    assert f"```csv\n{VISITS.read_text(encoding='utf-8')}```" in readme
    assert set(re.findall(r"^\| `(\w+\.py)` \|", readme, re.MULTILINE)) == modules
    for calculation in (Calculation.NPS, Calculation.TOP_2_BOX):
        assert f"`{calculation}`" in readme
