"""Checking bundles: stored results are compared with those of the raw data."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core import (
    Calculation,
    DateRange,
    Definition,
    ExportFailed,
    GroupBy,
    MetricType,
    Question,
    QuestionKind,
    Questionnaire,
    QuestionUnavailable,
    SourceUnavailable,
    hookimpl,
)
from smaply_metrics_core.bundle.check import BundleCheck, RecomputeStatus, check_bundle
from smaply_metrics_core.bundle.reader import open_bundle
from smaply_metrics_core.errors import InputError
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, RESPONSES, VIEWER, World
from tests.host.fake_source import Shop, ShopCredentials, stars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from smaply_metrics_core import MetricQuery, MetricsError, SourceContext, Tally
    from smaply_metrics_core.bundle.reader import BundleReader
    from smaply_metrics_core.bundle.writer import BundleWriter
    from smaply_metrics_core.host import MetricsHost

pytestmark = pytest.mark.postgresql_deep(reason="bundles are files")

COMPARED = Definition(
    survey_id="S1",
    question_id="stars",
    calculation=Calculation.AVERAGE,
    type=MetricType.COMPARISON,
    range=DateRange(preset="last_28_days"),
)

BY_ROW = Definition(
    survey_id="S1",
    question_id="matrix",
    calculation=Calculation.AVERAGE,
    type=MetricType.SERIES,
    group_by=GroupBy(kind="row"),
)


@dataclass
class OpenShop(Shop):
    """A shop that can recalculate from its bundles, and whose questions are rows of a matrix."""

    @hookimpl
    def list_questions(
        self, credentials: ShopCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Return the questions as rows."""
        survey = super().list_questions(credentials, context, survey_id)
        matrix = Question(
            id="matrix", text="All", kind=QuestionKind.GROUP, sub_questions=survey.questions
        )
        return survey.model_copy(update={"questions": (matrix,)})

    @hookimpl
    def debug_export(
        self,
        credentials: ShopCredentials,
        context: SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the instants and stars."""
        self._sign_in(credentials)
        bundle.add_json("answers.json", self.answers[survey_id])

    @hookimpl
    def recompute_metric(
        self,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
        bundle: BundleReader,
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Count the stars in the bundle."""
        given = [(datetime.fromisoformat(at), s) for at, s in bundle.read_json("answers.json")]
        kept = Shop(answers={survey_id: [one for one in given if one[0] <= context.now()]})
        for query in queries:
            if query.definition.question_id not in {None, *self.questions}:
                yield query.id, QuestionUnavailable("It is gone.", remedy="Choose anew.")
            else:
                yield query.id, kept._tally(kept.answers[survey_id], query, context.now())  # noqa: SLF001


@pytest.fixture
def shop() -> Shop:
    """A shop whose bundles can be checked."""
    return OpenShop(
        answers={
            "S1": [*stars("5", "4", "3", None), *stars("1", at=datetime(2026, 3, 31, tzinfo=UTC))]
        }
    )


def exported(host: MetricsHost, path: Path) -> Path:
    """Export a bundle of the survey S1."""
    return host.debug_bundles.export(ADMIN, "shop", "S1", path).path


def edited(path: Path, name: str, change: Callable[[Any], object]) -> Path:
    """Change a JSON file of a bundle."""
    target = path.with_name("edited.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for one in old.namelist():
            content = old.read(one)
            if one == name:
                parsed = json.loads(content)
                change(parsed)
                content = json.dumps(parsed).encode()
            new.writestr(one, content)
    return target


def check(host: MetricsHost, path: Path) -> BundleCheck:
    """Check a bundle with the source of the host."""
    folder = path.parent / "copies"
    folder.mkdir(exist_ok=True)
    with open_bundle(path, folder) as reader:
        return check_bundle(reader, host.sources.get("shop"))


def verdicts(found: BundleCheck) -> list[str]:
    """Return the outcome of each metric."""
    return [checked.verdict.value for checked in found.metrics]


def test_stored_results_are_recalculated(connected: MetricsHost, tmp_path: Path) -> None:
    """Numbers and Comparisons agree, and the check has the time of the data."""
    for definition in (AVERAGE, RESPONSES, COMPARED):
        connected.metrics.add(EDITOR, "shop", "M", definition)
    connected.cards.load(VIEWER, wait=60)
    found = check(connected, exported(connected, tmp_path / "b.zip"))
    assert found.agrees
    assert verdicts(found) == [RecomputeStatus.AGREES] * 3
    for checked in found.metrics:
        assert checked.stored is not None
        assert checked.recomputed is not None
        assert checked.recomputed.current == checked.stored.current
        assert checked.recomputed.previous == checked.stored.previous
        assert checked.as_of == checked.stored.as_of
    assert found.problems == ()


def test_all_rows_of_a_matrix_are_recalculated(
    connected: MetricsHost, world: World, tmp_path: Path
) -> None:
    """A bundle has no rows, so they are those of the stored value, or of the new metric."""
    connected.metrics.add(EDITOR, "shop", "M", BY_ROW)
    found = check(connected, exported(connected, tmp_path / "a.zip"))
    assert verdicts(found) == [RecomputeStatus.NOTHING_STORED]
    (card,) = connected.cards.load(VIEWER, wait=60)
    found = check(connected, exported(connected, tmp_path / "b.zip"))
    assert verdicts(found) == [RecomputeStatus.AGREES]
    (checked,) = found.metrics
    assert checked.recomputed is not None
    assert card.result is not None
    assert checked.recomputed.groups == card.result.groups
    assert [one.label for one in card.result.groups] == ["How many stars?", "How many taste?"]
    assert len(world.shop.fetches) == 1


def test_values_are_recalculated_as_of_their_time(
    connected: MetricsHost, world: World, tmp_path: Path
) -> None:
    """Later responses and days change nothing: ranges end when the data was read."""
    connected.metrics.add(EDITOR, "shop", "M", COMPARED)
    connected.metrics.add(EDITOR, "shop", "M", RESPONSES)
    connected.cards.load(VIEWER, wait=60)
    world.shop.answers["S1"] += stars("2", at=datetime(2026, 4, 2, tzinfo=UTC))
    world.clock.forward(40 * 86_400)
    found = check(connected, exported(connected, tmp_path / "b.zip"))
    assert found.agrees
    everybody = {
        checked.recomputed.current.value for checked in found.metrics if checked.recomputed
    }
    assert everybody == {1.0, 5.0}


def test_a_changed_value_is_a_difference(connected: MetricsHost, tmp_path: Path) -> None:
    """Each fact that differs from the raw data is listed with both values."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    path = exported(connected, tmp_path / "b.zip")

    def lie(metrics: list[dict[str, Any]]) -> None:
        current = metrics[0]["result"]["current"]
        current.update(value=4.75, excluded={"spam": 2}, recorded=7)

    found = check(connected, edited(path, "metrics.json", lie))
    assert not found.agrees
    assert verdicts(found) == ["differs"]
    differences = {one.what: (one.stored, one.recomputed) for one in found.metrics[0].differences}
    assert differences == {
        "current.value": (4.75, 3.25),
        "current.recorded": (7, 5),
        "current.excluded.spam": (2, 0),
    }


def test_changed_raw_data_is_a_difference(connected: MetricsHost, tmp_path: Path) -> None:
    """An additional or changed answer is found."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    path = exported(connected, tmp_path / "b.zip")
    found = check(connected, edited(path, "answers.json", lambda one: one[0].insert(1, one.pop())))
    assert [one.verdict for one in found.metrics] == [RecomputeStatus.NOT_RECOMPUTED]
    found = check(connected, edited(path, "answers.json", lambda one: one.pop()))
    assert not found.agrees
    assert "current.value" in {one.what for one in found.metrics[0].differences}


def test_a_metric_without_a_value_is_calculated(connected: MetricsHost, tmp_path: Path) -> None:
    """There is nothing to compare, and no difference."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    found = check(connected, exported(connected, tmp_path / "b.zip"))
    assert found.agrees
    assert verdicts(found) == ["nothing_stored"]
    assert found.metrics[0].as_of == found.manifest.made_at


def test_a_value_of_another_definition_is_not_compared(
    connected: MetricsHost, tmp_path: Path
) -> None:
    """After an edit, the stored value is not one of the current definition."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    path = exported(connected, tmp_path / "b.zip")
    change = edited(
        path, "metrics.json", lambda one: one[0]["metric"]["definition"].update(calculation="sum")
    )
    found = check(connected, change)
    assert verdicts(found) == ["nothing_stored"]
    assert found.metrics[0].recomputed is not None
    assert found.metrics[0].recomputed.current.value == 13


def test_the_same_error_agrees(connected: MetricsHost, world: World, tmp_path: Path) -> None:
    """A question that was deleted then is missing in the bundle: the results agree."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    world.shop.questions.discard("stars")
    connected.cards.load(VIEWER, wait=60)
    path = exported(connected, tmp_path / "b.zip")
    found = check(connected, path)
    assert found.agrees
    assert found.metrics[0].error is not None
    assert found.metrics[0].error.kind == "question_unavailable"
    other = edited(
        path, "metrics.json", lambda one: one[0]["attempt"]["problem"].update(kind="unreachable")
    )
    assert verdicts(check(connected, other)) == ["not_recomputed"]


def test_a_bundle_without_data_cannot_be_recalculated(
    connected: MetricsHost, world: World, tmp_path: Path
) -> None:
    """The check has the error of the export, with its code and request ID."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    world.shop.answers.clear()
    world.shop.tokens.clear()
    found = check(connected, exported(connected, tmp_path / "b.zip"))
    assert not found.agrees
    assert verdicts(found) == ["not_recomputed"]
    assert found.metrics[0].error is not None
    assert "answers.json" in found.metrics[0].error.message
    assert [(one.kind, one.issue, one.code) for one in found.problems] == [
        ("credential_refused", "token_revoked", "NO_1")
    ]


def test_problems_of_the_source_are_reported(connected: MetricsHost, tmp_path: Path) -> None:
    """One problem or a list of them, with the requests that failed."""
    path = exported(connected, tmp_path / "b.zip")
    problems = [ExportFailed("No.", request_id="r-1").to_problem().model_dump(mode="json")]
    request = {
        "at": "2026-04-01T12:00:00Z",
        "method": "GET",
        "host": "shop.example.com",
        "path": "/x",
        "status": 500,
        "milliseconds": 3,
        "request_id": "r-2",
    }
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("problem.json", json.dumps(problems))
        archive.writestr(
            "failure.json", SourceUnavailable("Closed.").to_problem().model_dump_json()
        )
    path = edited(
        path, "exchange.json", lambda one: one.extend([request, request | {"status": 200}])
    )
    found = check(connected, path)
    assert [one.kind for one in found.problems] == ["source_unavailable", "export_failed"]
    assert [one.request_id for one in found.exchange] == ["r-2"]


def test_huge_numbers_are_compared(connected: MetricsHost, tmp_path: Path) -> None:
    """Counts that do not fit 64 bits are compared too."""
    connected.metrics.add(EDITOR, "shop", "M", RESPONSES)
    connected.cards.load(VIEWER, wait=60)
    path = exported(connected, tmp_path / "b.zip")

    def lie(metrics: list[dict[str, Any]]) -> None:
        metrics[0]["result"]["current"]["answered"] = 10**30

    found = check(connected, edited(path, "metrics.json", lie))
    assert [one.what for one in found.metrics[0].differences] == ["current.answered"]


def test_a_source_that_cannot_recalculate_is_reported(
    connected: MetricsHost, world: World, tmp_path: Path
) -> None:
    """The hook is optional; without it each metric has an error that says so."""
    connected.metrics.add(EDITOR, "shop", "M", AVERAGE)
    path = exported(connected, tmp_path / "b.zip")
    world.shop = Shop(answers=world.shop.answers)
    found = check(world.open(), path)
    assert verdicts(found) == ["not_recomputed"]
    assert found.metrics[0].error is not None
    assert "does not support recomputing from a debug bundle" in found.metrics[0].error.message


def test_a_bundle_without_its_metrics_is_refused(connected: MetricsHost, tmp_path: Path) -> None:
    """Without metrics there is nothing to check."""
    path = exported(connected, tmp_path / "b.zip")
    with pytest.raises(InputError, match=r"metrics\.json"):
        check(connected, edited(path, "metrics.json", lambda one: one.append(1)))
