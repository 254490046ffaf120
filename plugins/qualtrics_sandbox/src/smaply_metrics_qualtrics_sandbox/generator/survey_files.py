"""Generate surveys that resemble a customer's account: `generate(folder, seed=…, until=…)`.

The responses span the 18 months before `until`. Ratings rise slowly and dip each December; they are
higher in the app than on the phone, and higher for businesses than for private customers. There are
previews, tests, spam, imported and unfinished responses, blank answers, and comments with umlauts,
quotes and several lines. The output is deterministic for a given seed and `until`.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from smaply_metrics_qualtrics_sandbox.dates import EXPORT_FORMAT, to_iso
from smaply_metrics_qualtrics_sandbox.generator.definitions import definition
from smaply_metrics_qualtrics_sandbox.generator.questions import Question
from smaply_metrics_qualtrics_sandbox.generator.survey_templates import PLANS, SurveyTemplate
from smaply_metrics_qualtrics_sandbox.surveys.columns import DATES
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import METADATA
from smaply_metrics_qualtrics_sandbox.surveys.questions import entries, is_multiple, plain

SPAN = timedelta(days=548)
ZONE = "Europe/Vienna"
# The share of responses with each status other than 0; at least one response each.
STATUSES: Mapping[str, float] = {"1": 0.012, "2": 0.01, "8": 0.02, "4": 0.03}
UNFINISHED = 0.07
BLANK = 0.06
_HIGHEST_NPS = 10
_DETRACTOR = 6
_PASSIVE = 8
_FIRST_HOUR, _LAST_HOUR = 7, 22
_DECEMBER = 12
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

_COMMENTS = (
    "Alles bestens, vielen Dank für die schnelle Hilfe!",
    "Great service, will come back.",
    'The order page said "delivered" - it was not.',
    "Delivery was late.\nNobody called.\n\nI had to ask twice.",
    "Too expensive; the other shop is cheaper, faster, friendlier.",
    "Die Rückgabe im Geschäft war mühsam: zwei Stunden Wartezeit.",
    "nothing",
    "N/A",
    "Sehr freundliche Beratung in Graz, größtes Lob an Frau Özdemir.",
    "App crashes when I pay, again and again",
    "=) thanks",
    "Why do I have to log in every time?",
)
_OTHERS = ("parking", "opening hours", "the café", 'the "click & collect" desk')


def generate(folder: Path, *, seed: int, until: datetime) -> None:
    """Write generated surveys, each to a folder with `survey.json` and `responses.csv`.

    Args:
        folder: The target folder, which is created if necessary.
        seed: The seed of the random generator.
        until: The time of the last possible response (aware). The first one is 18 months earlier.

    Raises:
        ValueError: if `until` has no time zone.
    """
    if until.tzinfo is None:
        raise ValueError("until must have a time zone, for example UTC")
    end = until.astimezone(ZoneInfo(ZONE)).replace(microsecond=0)
    for plan in PLANS:
        place = folder / plan.folder
        place.mkdir(parents=True, exist_ok=True)
        chance = random.Random(f"{plan.id} {seed}")
        survey = definition(plan, created=to_iso(end - SPAN), modified=to_iso(end - SPAN / 4))
        (place / "survey.json").write_text(
            json.dumps(survey, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        _write_responses(place / "responses.csv", plan, chance, end)


def _write_responses(
    path: Path, plan: SurveyTemplate, chance: random.Random, end: datetime
) -> None:
    header = _header(plan)
    keys = [_dump(key) for _, _, key in header]
    rows = sorted(_moments(plan.responses, chance, end))
    special = _specials(plan.responses, chance)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([name for name, _, _ in header])
        writer.writerow([text for _, text, _ in header])
        writer.writerow(keys)
        for number, recorded in enumerate(rows):
            response = _Response(plan, chance, recorded, end)
            cells = response.cells(number, special.get(number, "0"))
            writer.writerow([cells.get(key, "") for key in keys])


def _header(plan: SurveyTemplate) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the name, text and key of each column."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for import_id, name in METADATA.items():
        if import_id == "lastModifiedDate":
            continue
        found.append((name, _METADATA_TEXTS.get(name, name), _metadata_key(import_id)))
    for question in plan.shown:
        found.extend(_question_header(question))
    found.extend((name, name, {"ImportId": name}) for name in plan.embedded)
    return found


_METADATA_TEXTS = {
    "StartDate": "Start Date",
    "EndDate": "End Date",
    "Status": "Response Type",
    "IPAddress": "IP Address",
    "RecordedDate": "Recorded Date",
    "ResponseId": "Response ID",
    "RecipientLastName": "Recipient Last Name",
    "RecipientFirstName": "Recipient First Name",
    "RecipientEmail": "Recipient Email",
    "ExternalReference": "External Data Reference",
    "LocationLatitude": "Location Latitude",
    "LocationLongitude": "Location Longitude",
    "DistributionChannel": "Distribution Channel",
    "UserLanguage": "User Language",
}


def _question_header(question: Question) -> list[tuple[str, str, dict[str, Any]]]:
    qid, tag, text = (
        question["QuestionID"],
        question["DataExportTag"],
        plain(question["QuestionText"]),
    )
    kind = question["QuestionType"]
    if kind == "TE":
        return [(tag, text, {"ImportId": f"{qid}_TEXT"})]
    if kind == "Matrix":
        return [
            (f"{tag}_{row}", f"{text} - {plain(body['Display'])}", {"ImportId": f"{qid}_{row}"})
            for row, body in entries(question["Choices"])
        ]
    if is_multiple(question):
        found = []
        for choice, body in entries(question["Choices"]):
            label = plain(body["Display"])
            key = {"ImportId": qid, "choiceId": choice}
            found.append((f"{tag}_{choice}", f"{text} - Selected Choice - {label}", key))
            if body.get("TextEntry"):
                key = {"ImportId": f"{qid}_{choice}_TEXT"}
                found.append((f"{tag}_{choice}_TEXT", f"{text} - {label} - Text", key))
        return found
    if kind != "MC":
        return []
    found = [(tag, text, {"ImportId": qid})]
    if question["Selector"] == "NPS":
        group = {"ImportId": f"{qid}_NPS_GROUP"}
        found.insert(0, (f"{tag}_NPS_GROUP", f"{text} - Group", group))
    return found


def _moments(count: int, chance: random.Random, end: datetime) -> list[datetime]:
    """Return recorded dates: during the day, more of them recently and before Christmas."""
    found: list[datetime] = []
    while len(found) < count:
        moment = end - SPAN * (1 - chance.random() ** 0.85)
        busy = 1.0 if moment.month >= _DECEMBER - 1 else 0.7
        moment = moment.replace(second=chance.randrange(60))
        by_day = _FIRST_HOUR <= moment.hour < _LAST_HOUR
        if by_day and moment <= end and chance.random() < busy:
            found.append(moment)
    return found


def _specials(count: int, chance: random.Random) -> dict[int, str]:
    """Return the status of each response whose status is not 0, by its index."""
    wanted = [
        status for status, share in STATUSES.items() for _ in range(max(1, round(count * share)))
    ]
    return dict(zip(chance.sample(range(count), len(wanted)), wanted, strict=True))


class _Response:
    """A generated response."""

    def __init__(
        self, plan: SurveyTemplate, chance: random.Random, recorded: datetime, end: datetime
    ) -> None:
        self._plan = plan
        self._chance = chance
        self._recorded = recorded
        age = (end - recorded) / SPAN
        self._embedded = {name: chance.choice(values) for name, values in plan.embedded.items()}
        self._channel = chance.choices(range(4), weights=(45, 25 + 20 * (1 - age), 20, 10))[0]
        season = -0.6 if recorded.month == _DECEMBER else 0.15 * math.sin(recorded.month)
        # From 0 to 1. The NPS rises from about 10 to about 40 in 18 months.
        self._mood = (
            0.76
            - 0.11 * age
            + 0.1 * season
            + (0.05, 0.09, 0.0, -0.12)[self._channel]
            + (0.05 if self._embedded.get("Segment") == "Business" else 0.0)
            + (0.04 if self._embedded.get("Region") == "West" else 0.0)
        )

    def cells(self, number: int, status: str) -> dict[str, str]:
        """Return the cells of this response by key."""
        chance = self._chance
        finished = status == "4" or chance.random() >= UNFINISHED
        reached = 1.0 if finished else chance.uniform(0.1, 0.8)
        seconds = int(chance.lognormvariate(5.2, 0.6)) + 20
        # An unfinished session is closed and recorded a week after its last page.
        ended = self._recorded if finished else self._recorded - timedelta(days=7)
        metadata = {
            "startDate": (ended - timedelta(seconds=seconds)).strftime(EXPORT_FORMAT),
            "endDate": ended.strftime(EXPORT_FORMAT),
            "status": status,
            "ipAddress": f"192.0.2.{chance.randrange(1, 255)}",
            "progress": str(int(reached * 100)),
            "duration": str(seconds),
            "finished": str(int(finished)),
            "recordedDate": self._recorded.strftime(EXPORT_FORMAT),
            "_recordId": "R_" + "".join(chance.choices(_ALPHABET, k=15)),
            "externalDataReference": f"C-{10_000 + number}" if number % 3 == 0 else "",
            "locationLatitude": f"{chance.uniform(46.6, 48.5):.4f}",
            "locationLongitude": f"{chance.uniform(13.0, 16.5):.4f}",
            "distributionChannel": chance.choice(("email", "anonymous")),
            "userLanguage": chance.choice(("EN", "EN", "DE-AT")),
        }
        if status == "1":
            metadata["distributionChannel"] = "preview"
        cells = {_metadata_cell(import_id): cell for import_id, cell in metadata.items()}
        for name, value in self._embedded.items():
            cells[_cell(name)] = value if chance.random() >= BLANK / 2 else ""
        shown = self._plan.shown
        for place, question in enumerate(shown):
            if place < max(1, round(len(shown) * reached)):
                cells |= self._answer(question, cells)
        return cells

    def _answer(self, question: Question, so_far: Mapping[str, str]) -> dict[str, str]:
        """Return the cells of one question; none if it is left blank."""
        qid, kind, chance = question["QuestionID"], question["QuestionType"], self._chance
        if kind == "TE":
            return self._comment(question, so_far)
        if kind == "DB" or chance.random() < BLANK:
            return {}
        if kind == "Matrix":
            return {
                _cell(f"{qid}_{row}"): self._rated(question)
                for row, _ in entries(question["Choices"])
                if chance.random() >= BLANK / 2
            }
        if is_multiple(question):
            return self._several(question)
        if question["Selector"] == "NPS":
            score = self._level(_HIGHEST_NPS + 1, lift=0.06)
            group = "1" if score <= _DETRACTOR else "2" if score <= _PASSIVE else "3"
            return {
                _cell(qid): str(score),
                _cell(f"{qid}_NPS_GROUP"): group,
            }
        return {_cell(qid): self._picked(question)}

    def _level(self, levels: int, lift: float = 0.0) -> int:
        """Return a random level from 0 to `levels` - 1, which depends on the mood."""
        felt = self._chance.gauss(self._mood + lift, 0.2)
        return min(levels - 1, max(0, int(felt * levels)))

    def _rated(self, question: Question) -> str:
        answers = self._plan.answers[question["QuestionID"]]
        return answers[self._level(len(answers))].recode

    def _picked(self, question: Question) -> str:
        answers = self._plan.answers[question["QuestionID"]]
        tag = question["DataExportTag"]
        if tag == "Channel":
            return answers[self._channel].recode
        if tag == "Resolved":
            return answers[2 - self._level(3)].recode
        if tag == "Store":
            return self._chance.choice(answers).recode
        analyzed = [
            answer
            for answer in answers
            if question.get("AnalyzeChoices", {}).get(answer.id) != "No"
        ]
        if len(analyzed) < len(answers) and self._chance.random() < BLANK:
            return answers[-1].recode
        return analyzed[self._level(len(analyzed))].recode

    def _several(self, question: Question) -> dict[str, str]:
        qid, chance = question["QuestionID"], self._chance
        choices = list(entries(question["Choices"]))
        if chance.random() < 0.35 * (1 - self._mood):
            return {_cell(qid, choices[-1][0]): "1"}
        cells: dict[str, str] = {}
        for place, (choice, body) in enumerate(choices[:-1]):
            if chance.random() < self._mood * 0.7 ** (place / 2):
                cells[_cell(qid, choice)] = "1"
                if body.get("TextEntry"):
                    cells[_cell(f"{qid}_{choice}_TEXT")] = chance.choice(_OTHERS)
        return cells

    def _comment(self, question: Question, so_far: Mapping[str, str]) -> dict[str, str]:
        shown = True
        if "DisplayLogic" in question:
            score = so_far.get(_cell("QID1"), "")
            shown = score != "" and int(score) <= _DETRACTOR
        if not shown or self._chance.random() < 0.55:  # noqa: PLR2004 - most comments are blank
            return {}
        return {_cell(f"{question['QuestionID']}_TEXT"): self._chance.choice(_COMMENTS)}


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _metadata_key(import_id: str) -> dict[str, str]:
    key = {"ImportId": import_id}
    return {**key, "timeZone": ZONE} if import_id in DATES else key


@cache
def _metadata_cell(import_id: str) -> str:
    return _dump(_metadata_key(import_id))


@cache
def _cell(import_id: str, choice_id: str = "") -> str:
    """Return the key of a column as text, which each response has again."""
    key = {"ImportId": import_id}
    return _dump({**key, "choiceId": choice_id} if choice_id else key)


def _dump(key: Mapping[str, Any]) -> str:
    return _COMPACT.encode(key)
