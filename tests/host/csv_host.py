"""A host that is connected to a folder of CSV files, with questions of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from smaply_metrics_core import Deadline, MetricQuery, SourceContext, Tally, hookimpl
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.date_ranges import make_query
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host import (
    AllowedDestinations,
    Calculation,
    Definition,
    GroupBy,
    MetricsHost,
    MetricType,
    Period,
    Questionnaire,
    Result,
    Settings,
    SourceRegistry,
)
from smaply_metrics_csv_example.source import CsvSource
from tests.host.conftest import ADMIN, EDITOR, SetClock
from tests.host.fake_source import entry_point

Answers = Iterator[tuple[str, Tally | MetricsError]]
Answering = Callable[[Answers, Sequence[MetricQuery]], Answers]

ROWS = 240
FIRST_DAY = date(2025, 11, 20)


class WatchedCsv(CsvSource):
    """A CSV source that records its calls and whose answers a test may change."""

    def __init__(self) -> None:
        self.downloads: list[tuple[str, ...]] = []
        self.described = 0
        self.answering: Answering = lambda answers, _: answers

    @hookimpl
    def list_questions(self, context: SourceContext, survey_id: str) -> Questionnaire:
        """Return the questionnaire of a file."""
        self.described += 1
        return super().list_questions(context, survey_id)

    @hookimpl
    def fetch_metric(
        self, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
    ) -> Answers:
        """Count the answers, as the test requires."""
        self.downloads.append(tuple(str(query.definition.group_by) for query in queries))
        answers = super().fetch_metric(context, survey_id, queries)
        return self.answering(answers, queries)


def visits() -> str:
    """Write a file with a question of each kind; the rows differ in everything that is counted.

    Their days are within four months of two years: each is a group of many results.
    """
    lines = ["recorded_at,status,finished,stars,nps,colours[],spent,why,field:region,field:channel"]
    for n in range(ROWS):
        day = f"{FIRST_DAY + timedelta(days=n * 7 % 113)}T{n % 24:02}:30:00+00:00"
        lines.append(
            ",".join(
                (
                    day if n % 31 else "",
                    ("", "", "", "", "test", "spam", "")[n % 7],
                    "0" if n % 11 == 5 else "1",
                    "" if n % 5 == 4 else str(1 + n * n % 5),
                    "" if n % 9 == 8 else str(n * 7 % 11),
                    ";".join(
                        key for key, part in (("red", 2), ("blue", 3), ("sky", 5)) if not n % part
                    ),
                    "" if n % 4 == 3 else f"{n * n % 97}.5",
                    "" if n % 2 else f"Because of {n}",
                    ("north", "south", "", "east")[n % 4],
                    ("shop", "web")[n % 3 == 0],
                )
            )
        )
    return "\n".join(lines)


@dataclass
class Desk:
    """A host that is connected to a folder of CSV files."""

    host: MetricsHost
    source: WatchedCsv
    registry: SourceRegistry
    folder: Path
    clock: SetClock
    allowed: AllowedDestinations
    known: dict[Definition, dict[Definition, Result]] = field(default_factory=dict)
    """The results of every definition on the same responses as each of these."""

    def preview(self, definition: Definition, **options: Any) -> Result:  # noqa: ANN401  # Passed on by name.
        """Preview a definition as an Editor."""
        return self.host.metrics.preview(EDITOR, "csv_example", definition, **options)

    def questionnaire(self) -> Questionnaire:
        """Return the questionnaire of the file."""
        return self.host.catalog.questionnaire(EDITOR, "csv_example", "visits")

    def fresh(self, base: Definition) -> dict[Definition, Result]:
        """Calculate every definition on the same responses, each from its own query."""
        if base not in self.known:
            self.known[base] = self.measured(everything(base, self.questionnaire()))
        return self.known[base]

    def measured(self, definitions: Iterable[Definition]) -> dict[Definition, Result]:
        """Calculate definitions, each from its own query."""
        now = self.clock.now()
        queries = {
            str(number): make_query(str(number), definition, now=now, zone="UTC")
            for number, definition in enumerate(definitions)
        }
        source = self.registry.get("csv_example")
        with source.session(
            source.parse({"folder": "."}),
            account="acme",
            allowed=self.allowed,
            deadline=Deadline.after(60, self.clock),
        ) as session:
            answers = session.fetch("visits", tuple(queries.values()))
        results = {}
        for name, query in queries.items():
            tally = answers[name]
            assert isinstance(tally, Tally)
            results[query.definition] = calculate(query, tally, now)
        return results


def everything(base: Definition, questionnaire: Questionnaire) -> Iterator[Definition]:
    """Yield each valid combination of type, group-by, calculation and answers."""
    group_bys = [
        None,
        GroupBy(kind="answer"),
        *(GroupBy(kind="period", of=period) for period in Period),
        *(GroupBy(kind="question", of=one.id) for one in questionnaire.walk()),
        *(GroupBy(kind="field", of=one.name) for one in questionnaire.fields),
    ]
    shares = [("red",), ("red", "sky"), ("red", "blue"), ("1",), ("9", "10"), ("0.5", "1.5")]
    for type_, group_by, calculation in product(MetricType, group_bys, Calculation):
        shape = base.model_copy(
            update={"type": type_, "group_by": group_by, "calculation": calculation}
        )
        updates: list[dict[str, object]] = [{}, {"reverse_scale": True}]
        if calculation is Calculation.SHARE:
            updates += [{"answers": keys} for keys in shares]
        for update in updates:
            definition = shape.model_copy(update=update)
            try:
                check_definition(definition, questionnaire)
            except MetricsError:
                continue
            yield definition


def about(question_id: str | None, **parts: object) -> Definition:
    """Return a definition on a question of the file; it counts responses by default."""
    return Definition.model_validate(
        {
            "survey_id": "visits",
            "question_id": question_id,
            "calculation": Calculation.RESPONSES,
            **parts,
        }
    )


def opened(home: Path) -> Desk:
    """Open a host on a folder."""
    folder = home / "files"
    folder.mkdir()
    (folder / "visits.csv").write_text(visits(), encoding="utf-8")
    clock, source = SetClock(), WatchedCsv()
    registry = SourceRegistry(
        clock=clock, entry_points=lambda: [entry_point("csv_example", source, "csv")]
    )
    allowed = AllowedDestinations(folders={"acme": folder}, store=home / "store.db")
    host = MetricsHost(Settings(home=home, allowed=allowed), clock=clock, registry=registry)
    host.connections.connect(ADMIN, "csv_example", {"folder": "."})
    return Desk(host, source, registry, folder, clock, allowed)
