"""What a card says: its value in its own way, how fresh it is, and why it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from smaply_metrics_core.host import (
    Blame,
    Calculation,
    Card,
    ChartType,
    Display,
    Freshness,
    Issue,
    Problem,
    Result,
)
from smaply_metrics_host.rendering.card_view import CardView, card_view
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer
from smaply_metrics_host.rendering.result_renderer import ResultRenderer
from smaply_metrics_host.rendering.templating import Templates
from smaply_metrics_host.store.map_models import PlacedCard
from tests.charts import factories

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NPS = factories.number(42.0, Calculation.NPS)
REVOKED = Problem(
    kind="credential_refused",
    issue=Issue.TOKEN_REVOKED,
    message="Qualtrics does not accept the API token.",
    remedy="Enter a new one under `Edit Configuration`.",
    blame=Blame.CREDENTIAL,
    request_id="req-1",
)


class StoppedClock:
    """It is twelve minutes past noon."""

    def now(self) -> datetime:
        """Give the present instant."""
        return NOON.replace(minute=12)

    def monotonic(self) -> float:
        """Give seconds."""
        return 0.0

    def wait(self, seconds: float, stop: Any) -> bool:  # noqa: ANN401
        """Wait for nothing."""
        return False


TEMPLATES = Templates(StoppedClock(), "help@acme.example", ChartRenderer())


def seen(
    result: Result | None = NPS,
    *,
    display: Display | None = None,
    freshness: Freshness = Freshness.FRESH,
    **card: Any,  # noqa: ANN401
) -> CardView:
    """Give the view of a card of a metric called NPS."""
    placed = PlacedCard("car_1", "map_1", "lan_1", "sta_1", "met_1", display or Display())
    told = Card(
        metric_id="met_1",
        name="NPS",
        source="qualtrics",
        type="number",
        display=Display(heading="The metric's default"),
        result=result,
        as_of=NOON if result else None,
        freshness=freshness,
        **card,
    )
    return card_view(placed, told, ResultRenderer(), "UTC")


def written(view: CardView) -> str:
    """Give what a card looks like, on one line."""
    return " ".join(TEMPLATES.fragment("card.html", card=view).split())


def test_a_card_says_how_far_it_can_be_trusted() -> None:
    """On every card: how many answers, how old, and the dates covered."""
    html = written(seen())

    assert "42" in html
    assert "n = 128" in html
    assert "data-ago>12 minutes ago</time>" in html
    assert "1 Sep – 25 Nov 2026" in html  # noqa: RUF001  # As it is written.


def test_a_card_is_shown_in_its_own_way() -> None:
    """What the metric's defaults are now is no matter: the card was placed with its own display."""
    own = Display(heading="Would recommend us", subheading="All buyers", target=50, suffix=" pts")

    html = written(seen(display=own))

    assert "Would recommend us" in html
    assert "All buyers" in html
    assert "42 pts" in html
    assert "Target 50 pts: missed" in html
    assert "The metric's default" not in html


def test_without_a_heading_a_card_has_the_name_of_its_metric() -> None:
    """A new name shows on the card at once."""
    assert seen().heading == "NPS"


@pytest.mark.parametrize(
    ("freshness", "said"),
    [
        (Freshness.REFRESHING, "refreshing"),
        (Freshness.STALE, "update due"),
        (Freshness.NOT_CONNECTED, "not connected"),
    ],
)
def test_a_card_that_is_not_fresh_says_so_beside_its_age(freshness: Freshness, said: str) -> None:
    """“n = 128 · updated 12 minutes ago · refreshing”."""
    html = written(seen(freshness=freshness))

    assert f'ago</time></span> · <span class="card-state">{said}</span>' in html


def test_a_failed_card_keeps_its_value_and_says_what_to_do() -> None:
    """The last good value stays, with the message, the remedy and whom to ask beside it."""
    html = written(seen(freshness=Freshness.FAILED, problem=REVOKED))

    assert "42" in html
    assert "The last update failed: Token revoked." in html
    assert "Qualtrics does not accept the API token." in html
    assert "Enter a new one under <code>Edit Configuration</code>." in html
    assert "req-1" in html
    assert "help@acme.example" in html


def test_a_card_without_a_value_says_why() -> None:
    """It is being measured, or what went wrong: never just nothing."""
    assert "Calculating…" in written(seen(None, freshness=Freshness.REFRESHING))
    assert "calculated when someone opens the map" in written(seen(None, freshness=Freshness.NEVER))
    failed = written(seen(None, freshness=Freshness.FAILED, problem=REVOKED))
    assert "No value yet." in failed
    assert "Token revoked" in failed


def test_nothing_to_count_is_no_failure() -> None:
    """An update that went well and found no answers is said as what it is."""
    nothing = Problem(
        kind="nothing_to_count",
        issue=Issue.DATA,
        message="No response was recorded in this date range.",
        remedy="Choose a longer date range.",
        blame=Blame.SOURCE,
    )

    view = seen(factories.number(None, answered=0), problem=nothing)

    assert view.notice is not None
    assert (view.notice.title, view.notice.tone) == ("Nothing to count", "warn")
    assert "Choose a longer date range." in written(view)


def test_a_low_sample_is_marked_in_words() -> None:
    """Few answers are said, not only drawn paler."""
    assert "Low sample: fewer than 30 answers" in written(seen(factories.number(40.0, answered=12)))
    assert "Low sample" not in written(seen())


def test_a_card_of_a_deleted_metric_says_so() -> None:
    """It stays where it is until an Editor takes it off."""
    placed = PlacedCard("car_1", "map_1", "lan_1", "sta_1", "met_1", Display(heading="Loyalty"))

    view = card_view(placed, None, ResultRenderer(), "UTC")

    assert view.gone
    assert view.heading == "Loyalty"
    assert "was deleted" in written(view)


def test_a_chart_has_its_numbers_beside_it() -> None:
    """The drawing has a sentence in its place, and a table of the same numbers."""
    groups = [factories.group("Web", 40.0), factories.group("App", 55.0, 20)]
    series = factories.series(groups, Calculation.NPS)

    view = seen(series, display=Display(chart=ChartType.BAR))
    html = written(view)

    assert view.rendered is not None
    assert f'alt="{view.rendered.summary}"' in html
    assert f"/maps/map_1/charts/{view.rendered.digest}.svg?theme=dark" in html
    assert '<th scope="row"><bdi>App</bdi></th><td class="number">55</td>' in html


def test_what_people_and_surveys_write_stays_text() -> None:
    """Markup in a name, a heading or an answer is shown as it was written, and does nothing."""
    bad = "<script>alert(1)</script>"
    series = factories.series([factories.group(bad, 40.0)], Calculation.NPS)

    html = written(seen(series, display=Display(heading=bad, subheading=bad, prefix="<b>")))

    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") > 3


def test_a_version_stands_for_all_that_is_shown_but_the_time() -> None:
    """The same card has the same version an hour later; any change gives another one."""
    same = {seen().version, seen().version}
    others = {
        seen(display=Display(heading="Other")).version,
        seen(factories.number(43.0, Calculation.NPS)).version,
        seen(freshness=Freshness.REFRESHING).version,
        seen(freshness=Freshness.FAILED, problem=REVOKED).version,
    }

    assert len(same) == 1
    assert len(same | others) == 5
