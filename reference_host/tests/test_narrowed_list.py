"""The selects of the metric form: searched and limited if they have many options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import RELATIONSHIP, add_questions
from smaply_metrics_core.host import Role
from smaply_metrics_host.metric_form.narrowed_list import (
    MOST_OPTIONS,
    NarrowedList,
    SearchedOption,
    narrowed_list,
)

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

START = f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"
MANY = [
    ("Time", [SearchedOption("period:month", "Month")]),
    (
        "Questions",
        [
            SearchedOption(
                f"question:Q{number}", f"Café {number}", found_by=(f"Q{number}", f"name_{number}")
            )
            for number in range(MOST_OPTIONS + 20)
        ],
    ),
    ("Embedded fields", [SearchedOption("field:Region", "Region")]),
]


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def values(found: NarrowedList) -> list[str]:
    """Return the values of the listed options."""
    return [entry.value for _, entries in found.groups for entry in entries]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("CAFE 7", ["question:Q7", *(f"question:Q{number}" for number in range(70, 80))]),
        ("q119", ["question:Q119"]),
        ("name_119", ["question:Q119"]),
        ("region", ["field:Region"]),
        ("nothing", []),
    ],
)
def test_many_options_are_found_by_label_id_and_name(search: str, found: list[str]) -> None:
    """The chosen option stays in the list, so that the form submits it."""
    result = narrowed_list(MANY, search, "")
    assert (values(result), result.matching, result.more) == (found, len(found), 0)
    assert values(narrowed_list(MANY, search, "period:month")) == ["period:month", *found]


def test_a_long_list_is_limited() -> None:
    """The chosen option is listed in any case, in its place."""
    result = narrowed_list(MANY, "", "field:Region")
    assert len(values(result)) == MOST_OPTIONS + 1
    assert [heading for heading, _ in result.groups] == ["Time", "Questions", "Embedded fields"]
    assert (result.matching, result.more, result.total) == (122, 22, 122)
    assert result.searchable


def test_a_short_list_is_not_searched() -> None:
    """A search text from before, of another question, does not hide its options."""
    short = [(heading, entries[:3]) for heading, entries in MANY]
    result = narrowed_list(short, "nothing", "")
    assert len(values(result)) == 5
    assert not result.searchable


def test_a_survey_with_many_questions_has_selects_of_limited_length(world: World) -> None:
    """Grouping, filter and weight are searched without scripts, and keep what is chosen."""
    add_questions(world, MOST_OPTIONS + 50)
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)
    form.choose(type="series", question="QID1", calculation="nps", add_filter="1")
    form.choose(group_by="question:QID2", filter__0__of="question:QID1002")
    for name in ("group_by", "weight", "filter-0-of"):
        assert MOST_OPTIONS <= len(form.offered(name)) <= MOST_OPTIONS + 2, name
    form.choose(
        group_by_search="topic_149",
        weight_search="QID1149",
        filter__0__search="Topic 149?",
    )
    assert form.offered("group_by") == ["", "question:QID2", "question:QID1149"]
    assert form.offered("weight") == ["", "question:QID1149"]
    assert form.offered("filter-0-of") == ["", "question:QID1002", "question:QID1149"]
    assert form.fields["group_by"] == ["question:QID2"]
    form.press("/metrics/preview", weight="question:QID1149")
    assert form.fields["weight"] == ["question:QID1149"]
    assert form.fields["filter-0-search"] == ["Topic 149?"]
    form.choose(group_by_search="<i>none</i>")
    assert "Nothing matches “<bdi>&lt;i&gt;none&lt;/i&gt;</bdi>”." in form.page
    form.choose(survey="SV_StorePilotDemoA")
    assert "group_by_search" not in form.fields
