"""Card views: value, display, freshness and problems."""

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
    """A clock that is stopped at 12:12."""

    def now(self) -> datetime:
        """Return the current instant."""
        return NOON.replace(minute=12)

    def monotonic(self) -> float:
        """Return zero seconds."""
        return 0.0

    def wait(self, seconds: float, stop: Any) -> bool:  # noqa: ANN401
        """Return immediately."""
        return False


CLOCK = StoppedClock()
TEMPLATES = Templates(CLOCK, "help@acme.example", ChartRenderer())


def seen(
    result: Result | None = NPS,
    *,
    display: Display | None = None,
    freshness: Freshness = Freshness.FRESH,
    **card: Any,  # noqa: ANN401
) -> CardView:
    """Return the view of a card of a metric named NPS."""
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
    return card_view(placed, told, ResultRenderer(), "UTC", CLOCK.now())


def written(view: CardView) -> str:
    """Return the HTML of a card on one line."""
    return " ".join(TEMPLATES.fragment("card.html", card=view).split())


def test_a_card_shows_its_sample_age_and_dates() -> None:
    """Every card shows the number of answers, its age and the date range."""
    html = written(seen())

    assert "42" in html
    assert "n = 128" in html
    assert "data-ago>12 minutes ago</time>" in html
    assert "1 Sep – 25 Nov 2026" in html  # noqa: RUF001  # As it is written.


def test_a_card_has_its_own_display() -> None:
    """A card uses the display with which it was placed, not the metric's defaults."""
    own = Display(heading="Would recommend us", subheading="All buyers", target=50, suffix=" pts")

    html = written(seen(display=own))

    assert "Would recommend us" in html
    assert "All buyers" in html
    assert "42 pts" in html
    assert "Target 50 pts: missed" in html
    assert "The metric's default" not in html


def test_without_a_heading_a_card_has_the_name_of_its_metric() -> None:
    """The heading defaults to the metric's current name."""
    assert seen().heading == "NPS"


@pytest.mark.parametrize(
    ("freshness", "said"),
    [
        (Freshness.REFRESHING, "refreshing"),
        (Freshness.STALE, "update due"),
        (Freshness.NOT_CONNECTED, "not connected"),
    ],
)
def test_a_card_that_is_not_fresh_shows_its_state(freshness: Freshness, said: str) -> None:
    """“n = 128 · updated 12 minutes ago · refreshing”."""
    html = written(seen(freshness=freshness))

    assert f'ago</time></span> · <span class="card-state">{said}</span>' in html


def test_a_failed_card_shows_its_value_and_the_problem() -> None:
    """The card shows the last value with the message, the remedy and the support contact."""
    html = written(seen(freshness=Freshness.FAILED, problem=REVOKED))

    assert "42" in html
    assert "The last update failed: Token revoked." in html
    assert "Qualtrics does not accept the API token." in html
    assert "Enter a new one under <code>Edit Configuration</code>." in html
    assert "req-1" in html
    assert "help@acme.example" in html


def test_a_card_without_a_value_shows_the_reason() -> None:
    """A card without a value shows that it is being refreshed, or the problem."""
    assert "Calculating…" in written(seen(None, freshness=Freshness.REFRESHING))
    assert "calculated when someone opens the map" in written(seen(None, freshness=Freshness.NEVER))
    failed = written(seen(None, freshness=Freshness.FAILED, problem=REVOKED))
    assert "No value yet." in failed
    assert "Token revoked" in failed


def test_nothing_to_count_is_no_failure() -> None:
    """A successful update without answers is a notice, not an error."""
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
    """A low sample is stated as text."""
    assert "Low sample: fewer than 30 answers" in written(seen(factories.number(40.0, answered=12)))
    assert "Low sample" not in written(seen())


def test_much_that_is_unreadable_is_stated_with_the_value() -> None:
    """A card of few readable answers states how many were not."""
    current = factories.measured(800.0, 1, unanswered={"unreadable": 2})
    result = factories.number(800.0, Calculation.AVERAGE, current=current)
    assert "2 of 3 answers unreadable" in written(seen(result))
    assert "unreadable" not in written(seen())


def test_a_card_of_a_deleted_metric_is_marked() -> None:
    """The card stays on the map with a notice."""
    placed = PlacedCard("car_1", "map_1", "lan_1", "sta_1", "met_1", Display(heading="Loyalty"))

    view = card_view(placed, None, ResultRenderer(), "UTC", CLOCK.now())

    assert view.gone
    assert view.heading == "Loyalty"
    assert "was deleted" in written(view)


def test_a_chart_has_a_text_and_a_table() -> None:
    """The image has a summary as alternative text, and a table with the same values."""
    groups = [factories.group("Web", 40.0), factories.group("App", 55.0, 20)]
    series = factories.series(groups, Calculation.NPS)

    view = seen(series, display=Display(chart=ChartType.BAR))
    html = written(view)

    assert view.rendered is not None
    assert f'alt="{view.rendered.summary}"' in html
    assert f"/maps/map_1/charts/{view.rendered.digest}.svg?theme=dark" in html
    assert '<th scope="row"><bdi>App</bdi></th><td class="number">55</td>' in html


def test_markup_in_texts_is_escaped() -> None:
    """Markup in a heading, an answer or a prefix is escaped."""
    bad = "<script>alert(1)</script>"
    series = factories.series([factories.group(bad, 40.0)], Calculation.NPS)

    html = written(seen(series, display=Display(heading=bad, subheading=bad, prefix="<b>")))

    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") > 3


def test_a_version_changes_with_the_content() -> None:
    """Equal cards have the same version; any visible change results in another one."""
    same = {seen().version, seen().version}
    others = {
        seen(display=Display(heading="Other")).version,
        seen(factories.number(43.0, Calculation.NPS)).version,
        seen(freshness=Freshness.REFRESHING).version,
        seen(freshness=Freshness.FAILED, problem=REVOKED).version,
    }

    assert len(same) == 1
    assert len(same | others) == 5
