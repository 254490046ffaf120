"""``survey``, ``metric`` and ``card``: from choosing a survey to loading cards."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command

PREVIEW = ("metric", "preview", "--connection", "qualtrics", "--survey", SURVEY)
NPS = (*PREVIEW, "--question", "QID1", "--calculation", "nps")
ADD = ("--connection", "qualtrics", "--survey", SURVEY)
COMPARED = ("--type", "comparison", "--range", "last_90_days")


@pytest.fixture(scope="module")
def counted(invented_surveys: Path) -> dict[str, Counter[str]]:
    """Counts of the values per column of the survey's file, over finished normal responses."""
    with (invented_surveys / "relationship" / "responses.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        header, _, _, *rows = csv.reader(file)
    status, finished = header.index("Status"), header.index("Finished")
    kept = [row for row in rows if row[status] in {"0", "4"} and row[finished] == "1"]
    found = {name: Counter(row[place] for row in kept) for place, name in enumerate(header)}
    return {**found, "all": Counter(all=len(rows)), "kept": Counter(kept=len(kept))}


def nps(scores: Counter[str]) -> float:
    """Return the NPS of counted scores."""
    answered = {int(score): n for score, n in scores.items() if score}
    promoters = sum(n for score, n in answered.items() if score >= 9)
    detractors = sum(n for score, n in answered.items() if score <= 6)
    return 100 * (promoters - detractors) / sum(answered.values())


def test_surveys_are_listed_and_searched(connected: Command) -> None:
    """Surveys are listed; --search matches their names and IDs."""
    listed = connected.done("survey", "list", "qualtrics")

    assert len(listed) == 3
    assert {"id", "name", "last_modified", "is_active"} == set(listed[0])
    assert [
        s["id"] for s in connected.done("survey", "list", "qualtrics", "--search", "RELATION")
    ] == [SURVEY]
    assert [
        s["id"] for s in connected.done("survey", "list", "qualtrics", "--search", "shipA01")
    ] == [SURVEY]
    assert "None of 3 surveys" in connected("survey", "list", "qualtrics", "--search", "zebra").out
    assert "Grüß Gott" in connected("survey", "list", "qualtrics").out


def test_questions_are_listed(connected: Command) -> None:
    """Each question is listed with its answers, calculations and rows."""
    printed = connected("survey", "questions", "qualtrics", SURVEY).out
    listed = connected.done("survey", "questions", "qualtrics", SURVEY)

    questions = {question["id"]: question for question in listed["questions"]}
    assert questions["QID1"]["kind"] == "nps"
    assert "nps" in questions["QID1"]["calculations"]
    assert [row["id"] for row in questions["QID4"]["sub_questions"]][:2] == ["QID4_1", "QID4_2"]
    assert {field["name"] for field in listed["fields"]} == {"Region", "Segment"}
    for shown in (
        "QID4_2",
        "99 = Not applicable (not counted)",
        "--group-by question:QID3",
        "--question QID4 --group-by row",
    ):
        assert shown in printed


def test_an_unlisted_survey_is_used_by_its_id(connected: Command, sandbox: SandboxServer) -> None:
    """A survey shared through a group is not listed but can be used by its ID."""
    sandbox.state.share(SURVEY, listed=False)
    try:
        assert SURVEY not in {
            survey["id"] for survey in connected.done("survey", "list", "qualtrics")
        }
        assert connected.done("survey", "questions", "qualtrics", SURVEY)["questions"]
        assert connected.done(*NPS)["responses"]
    finally:
        sandbox.state.share(SURVEY, listed=True)


def test_the_json_of_a_preview(connected: Command, counted: dict[str, Counter[str]]) -> None:
    """The JSON has the value, the responses and the exclusions by reason."""
    given = connected.done(*NPS)

    assert given["value"] == pytest.approx(nps(counted["NPS"]))
    assert given["responses"] == counted["kept"]["kept"]
    assert given["answered"] == given["responses"] - counted["NPS"][""]
    assert given["responses"] + sum(given["excluded"].values()) == counted["all"]["all"]
    assert set(given["excluded"]) == {"preview", "spam", "test", "unfinished"}
    assert given["groups"] == []
    assert given["unit"] == "points"
    assert given["window"] == {"start": None, "end": None}


def test_all_rows_of_a_matrix(connected: Command) -> None:
    """JSON and text have one value for each row, and none overall."""
    rows = [*NPS, "--question", "QID4", "--calculation", "average", "--group-by", "row"]
    given = connected.done(*rows)
    assert [group["key"] for group in given["groups"]] == [f"QID4_{n}" for n in range(1, 5)]
    assert all(group["interval"]["low"] < group["value"] for group in given["groups"])
    assert (given["value"], given["reason"]) == (None, "Each row has its own value.")
    assert given["respondents"] is None
    printed = connected(*rows).out
    assert "Delivery was on time" in printed
    assert "Each row has its own value" in printed


def test_the_distribution_of_all_rows(connected: Command) -> None:
    """Each row has the share of each answer, with its interval, in JSON and as text."""
    rows = [*NPS, "--question", "QID4", "--calculation", "distribution", "--group-by", "row"]
    given = connected.done(*rows)
    for group in given["groups"]:
        assert group["value"] is None
        assert sum(part["answered"] for part in group["parts"]) == group["answered"]
        assert sum(part["value"] for part in group["parts"]) == pytest.approx(100)
        assert all(part["interval"] for part in group["parts"])
    printed = connected(*rows).out
    first = given["groups"][0]["parts"][-1]
    assert first["label"] in printed
    assert f"{first['value']:.0f}%" in printed


def test_groups_are_compared(connected: Command) -> None:
    """JSON has both values and the change of each group; text has the verdict in words."""
    dates = ("--since", "2026-01-01", "--until", "2026-04-01", "--compare-groups")
    regions = [*NPS, "--group-by", "field:Region", *dates]
    given = connected.done(*regions)
    alone = connected.done(*NPS, *dates[:-1], "--type", "comparison", "--where", "Region=North")
    north = next(group for group in given["groups"] if group["key"] == "North")
    assert north["value"] == alone["current"]
    assert north["previous"]["value"] == alone["previous"]
    assert north["previous"]["answered"] == alone["previous_answered"]
    assert north["change"]["interval"] == alone["change_interval"]
    assert north["change"]["p_value"] == alone["p_value"]
    assert north["change"]["adjusted_p_value"] >= alone["p_value"]
    assert given["previous_window"] == alone["previous_window"]
    printed = " ".join(connected(*regions).out.split())
    assert "(adjusted p = " in printed
    assert "adjusted for the number of groups (Holm)" in printed


def test_rows_with_a_filter_and_a_minimum(connected: Command) -> None:
    """From one export: every row is filtered, and hidden with what the filter removed of few."""
    rows = [*NPS, "--question", "QID4", "--calculation", "average", "--group-by", "row"]
    north = [*rows, "--where", "Region=North"]
    every = {group["key"]: group["answered"] for group in connected.done(*rows)["groups"]}
    kept = {group["key"]: group["answered"] for group in connected.done(*north)["groups"]}
    assert all(0 < kept[row] < every[row] for row in every)
    smallest = sorted(kept.values())
    assert smallest[0] < smallest[1]
    try:
        connected.done("account", "edit", "--minimum-group", str(smallest[0] + 1))
        shown = connected.done(*north)["groups"]
        assert [row["hidden"] for row in shown].count(True) == smallest.count(smallest[0])
        for row in shown:
            assert row["answered"] == (None if row["hidden"] else kept[row["key"]])
        removed = min(every[row] - kept[row] for row in every)
        rest = [*rows, "--where-not", "Region=North"]
        connected.done("account", "edit", "--minimum-group", str(max(3, smallest[0])))
        refused = connected(*rest, "--json")
        assert removed
        assert (refused.code, refused.json.get("groups")) == (0, connected.done(*rest)["groups"])
        connected.done("account", "edit", "--minimum-group", str(smallest[0] + 1))
        refused = connected(*rest, "--json")
        assert refused.code
        assert refused.error["kind"] == "small_group_refused"
    finally:
        connected.done("account", "edit", "--minimum-group", "0")


def test_the_text_output_of_a_preview(connected: Command) -> None:
    """The text has the value, the counted and excluded responses, and the dates."""
    printed = connected(*NPS, "--group-by", "period:quarter").out

    for shown in (
        "Value",
        "Answers",
        "recorded; ",
        "excluded",
        "unfinished",
        "all time",
        "Q1 2026",
    ):
        assert shown in printed


def test_an_average_shows_its_scale(connected: Command) -> None:
    """An average shows the labels of both ends of its scale."""
    average = (*PREVIEW, "--question", "QID2", "--calculation", "average")

    assert "1 = Very dissatisfied … 5 = Very satisfied" in connected(*average).out
    assert connected.done(*average)["scale"] == "1 = Very dissatisfied … 5 = Very satisfied"
    assert connected.done(*NPS)["scale"] == ""


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (("--group-by", "field:Segment"), {"Business", "Private"}),
        (("--group-by", "question:QID3"), {"10", "20", "30", "40"}),
        (("--group-by", "period:year"), {"2024", "2025", "2026"}),
    ],
)
def test_a_group_by_makes_a_series(
    connected: Command, options: tuple[str, ...], keys: set[str]
) -> None:
    """Each form of --group-by results in groups with key, label, value and answered."""
    given = connected.done(*NPS, *options)

    assert given["type"] == "series"
    assert {group["key"] for group in given["groups"]} == keys
    assert {"key", "label", "value", "answered", "responses"} <= set(given["groups"][0])


def test_a_distribution_is_a_series(connected: Command, counted: dict[str, Counter[str]]) -> None:
    """A distribution counts each answer and is grouped by answer by default."""
    given = connected.done(*PREVIEW, "--question", "QID3", "--calculation", "distribution")

    assert given["type"] == "series"
    assert {group["key"]: group["answered"] for group in given["groups"]} == {
        key: n for key, n in counted["Channel"].items() if key
    }


def test_a_comparison_has_three_numbers(connected: Command) -> None:
    """A comparison has the current and previous value, and the change with its unit."""
    given = connected.done(
        *NPS, "--type", "comparison", "--since", "2026-01-01", "--until", "2026-02-01"
    )
    responses = connected.done(
        *(*PREVIEW, "--calculation", "responses", "--type", "comparison"),
        *("--since", "2026-01-01", "--until", "2026-02-01"),
    )

    assert given["change"] == pytest.approx(given["current"] - given["previous"])
    assert given["change_unit"] == "points"
    assert given["window"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}
    assert given["previous_window"]["start"] == "2025-12-01T00:00:00Z"
    assert responses["change_unit"] == "percent"
    assert isinstance(responses["current"], int)
    assert responses["change"] == pytest.approx(
        100 * (responses["current"] - responses["previous"]) / responses["previous"]
    )


def test_excluded_responses_can_be_counted(
    connected: Command, counted: dict[str, Counter[str]]
) -> None:
    """--count with all kinds counts every response of the file."""
    given = connected.done(
        *(*PREVIEW, "--calculation", "responses"),
        *("--count", "unfinished,preview,test,spam"),
    )

    assert given["value"] == counted["all"]["all"]
    assert given["excluded"] == {}


def test_filters_include_and_exclude(connected: Command) -> None:
    """--where and --where-not are complements; a share counts its answers."""
    responses = (*PREVIEW, "--calculation", "responses")
    whole = connected.done(*responses)["value"]
    shop = connected.done(*responses, "--where", "question:QID3=10|20")["value"]
    rest = connected.done(*responses, "--where-not", "question:QID3=10|20")["value"]
    business = connected.done(*responses, "--where", "Segment=Business")["value"]
    others = connected.done(*responses, "--where-not", "Segment = Business")["value"]
    both = connected.done(
        *responses, "--where", "field:Segment=Business", "--where", "question:QID3=10|20"
    )["value"]
    share = connected.done(
        *(*PREVIEW, "--question", "QID3", "--calculation", "share", "--answers", "10, 20")
    )

    assert 0 < shop < whole
    assert shop + rest == business + others == whole
    assert 0 < both < min(shop, business)
    assert share["value"] == pytest.approx(100 * shop / share["answered"])
    assert share["counted"] == ["Web shop", "App"]


def test_a_scale_can_be_reversed(connected: Command) -> None:
    """With --reverse-scale, the top 2 box is the bottom 2 box of the original scale."""
    satisfaction = (*PREVIEW, "--question", "QID2", "--calculation")

    top = connected.done(*satisfaction, "top_2_box", "--reverse-scale")
    bottom = connected.done(*satisfaction, "bottom_2_box")

    assert top["value"] == bottom["value"]
    assert set(top["counted"]) == set(bottom["counted"]) != set()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((*PREVIEW, "--question", "QID3", "--calculation", "nps"), "calculation_refused"),
        ((*NPS, "--type", "number", "--group-by", "answer"), "query_invalid"),
        ((*NPS, "--type", "comparison"), "query_invalid"),
        ((*NPS, "--group-by", "question:QID5"), "grouping_refused"),
        ((*PREVIEW, "--question", "QID99", "--calculation", "average"), "question_unavailable"),
        (
            (
                "metric",
                "preview",
                "--connection",
                "qualtrics",
                "--survey",
                "SV_x",
                "--calculation",
                "responses",
            ),
            "survey_unav",
        ),
        (
            (
                *("metric", "preview", "--connection", "nobody", "--survey", "SV_x"),
                *("--calculation", "responses"),
            ),
            "not_found",
        ),
        (("metric", "show", "met_0"), "not_found"),
        (("card", "load", "met_0"), "not_found"),
        (("account", "edit", "--zone", "Europe/Wien"), "invalid_input"),
    ],
)
def test_an_error_exits_with_1(connected: Command, arguments: tuple[str, ...], kind: str) -> None:
    """An invalid request exits with 1 and prints a message and a remedy, as text and JSON."""
    in_json, as_text = connected(*arguments, "--json"), connected(*arguments)

    assert in_json.code == as_text.code == 1
    assert in_json.error["kind"].startswith(kind)
    assert in_json.error["message"]
    assert in_json.error["remedy"]
    assert as_text.out == ""
    assert as_text.err.startswith("✗ ")
    assert "→ " in as_text.err
    assert "Traceback" not in as_text.err


def test_the_life_cycle_of_a_metric(connected: Command) -> None:
    """A metric is added, edited, listed, shown and deleted; an edit changes only its options."""
    made = connected.done(
        *("metric", "add", " Promoters ", *ADD, "--question", "QID1", "--calculation", "nps"),
        *("--group-by", "period:month", "--range", "last_year", "--chart", "line"),
    )
    identity = made["id"]
    renamed = connected.done("metric", "edit", identity, "--name", "NPS", "--heading", "By month")
    changed = connected.done(
        *("metric", "edit", identity, "--calculation", "average", "--count", "test"),
        *("--reset", "group-by", "--reset", "chart"),
    )
    listed, shown = connected.done("metric", "list"), connected.done("metric", "show", identity)
    printed = connected("metric", "show", identity).out
    deleted = connected.done("metric", "delete", identity)

    assert made["name"] == "Promoters"
    assert made["questions"]["QID1"]["name"] == "NPS"
    assert "QID1 “How likely are you to recommend" in printed
    assert made["definition"]["type"] == "series"
    assert renamed["definition"] == made["definition"]
    assert renamed["display"]["heading"] == "By month"
    assert changed["name"] == "NPS"
    assert changed["definition"] == made["definition"] | {
        "type": "number",
        "calculation": "average",
        "group_by": None,
        "include": ["test"],
    }
    assert changed["display"] == renamed["display"] | {"chart": None}
    assert [metric["id"] for metric in listed] == [identity]
    assert shown == changed
    assert "last year" in printed
    assert deleted["id"] == identity
    assert connected.done("metric", "list") == []
