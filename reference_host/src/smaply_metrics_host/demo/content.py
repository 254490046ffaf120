"""The content of the demo: metrics of every chart type, and the journey maps that show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smaply_metrics_core.host import (
    Calculation,
    ChartType,
    DateRange,
    Definition,
    Display,
    GroupBy,
    MetricType,
)

ONLINE: Final = "Online shop"
STORES: Final = "Stores"
"""The workspaces."""
QUALTRICS: Final = "qualtrics"
FILES: Final = "csv_example"
RELATIONSHIP: Final = "SV_RelationshipA01"
SUPPORT: Final = "SV_SupportContactA"
KIOSK: Final = "SV_StorePilotDemoA"
VISITS: Final = "Store visits"
"""The surveys: three that the sandbox invents, and a file."""


@dataclass(frozen=True)
class Planned:
    """A metric to add; its display is that of its cards."""

    name: str
    workspace: str
    source: str
    definition: Definition
    display: Display


@dataclass(frozen=True)
class PlannedMap:
    """A map to add.

    Attributes:
        texts: By text lane, the texts of its cells, from the first stage to the last.
        cards: By data lane, the metrics in its cells, from the first stage to the last.
    """

    name: str
    workspace: str
    stages: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]
    cards: dict[str, tuple[tuple[str, ...], ...]]


def _number(
    survey: str, calculation: str, question: str = "", dates: str = "all_time"
) -> Definition:
    return _definition(MetricType.NUMBER, survey, calculation, question, dates)


def _series(
    survey: str, calculation: str, question: str, group_by: str, dates: str = "all_time"
) -> Definition:
    return _definition(MetricType.SERIES, survey, calculation, question, dates, group_by)


def _comparison(survey: str, calculation: str, question: str, dates: str) -> Definition:
    return _definition(MetricType.COMPARISON, survey, calculation, question, dates)


def _definition(  # noqa: PLR0913, PLR0917  # The parts of a definition.
    kind: MetricType, survey: str, calculation: str, question: str, dates: str, group_by: str = ""
) -> Definition:
    return Definition(
        type=kind,
        survey_id=survey,
        question_id=question or None,
        calculation=Calculation(calculation),
        group_by=GroupBy.parse(group_by) if group_by else None,
        range=DateRange(preset=dates),
    )


def _online(name: str, definition: Definition, chart: ChartType, **display: object) -> Planned:
    shown = Display.model_validate({"chart": chart, **display})
    return Planned(name, ONLINE, QUALTRICS, definition, shown)


def _stores(
    name: str, source: str, definition: Definition, chart: ChartType, **display: object
) -> Planned:
    shown = Display.model_validate({"chart": chart, **display})
    return Planned(name, STORES, source, definition, shown)


METRICS: Final = (
    _online(
        "NPS, last 90 days and before",
        _comparison(RELATIONSHIP, "nps", "QID1", "last_90_days"),
        ChartType.COMPARISON,
        heading="Would recommend us",
        subheading="NPS against the 90 days before",
        target=50,
    ),
    _online(
        "Where people buy",
        _series(RELATIONSHIP, "distribution", "QID3", "answer"),
        ChartType.PIE,
        subheading="Where did you last buy from us?",
    ),
    _online(
        "NPS by quarter",
        _series(RELATIONSHIP, "nps", "QID1", "period:quarter"),
        ChartType.LINE,
        subheading="How likely are you to recommend Nordlicht?",
        latest_as_headline=True,
        target=45,
    ),
    _online(
        "Easy to find what I need",
        _number(RELATIONSHIP, "top_2_box", "QID4_1", "last_90_days"),
        ChartType.GAUGE,
        subheading="Agree or strongly agree",
        target=75,
    ),
    _online(
        "Prices are fair, by segment",
        _series(RELATIONSHIP, "top_2_box", "QID4_4", "field:Segment"),
        ChartType.BAR,
        subheading="Agree or strongly agree",
    ),
    _online(
        "Buyers who answered, by month",
        _series(RELATIONSHIP, "responses", "", "period:month", "last_365_days"),
        ChartType.BAR,
        heading="Buyers who answered",
        subheading="Responses to the relationship survey",
        latest_as_headline=True,
    ),
    _online(
        "What went well",
        _series(RELATIONSHIP, "distribution", "QID12", "answer", "last_365_days"),
        ChartType.HORIZONTAL_BAR,
        subheading="Several answers are possible",
    ),
    _online(
        "Satisfaction",
        _number(RELATIONSHIP, "average", "QID2", "last_28_days"),
        ChartType.NUMBER,
        heading="Overall satisfaction",
        subheading="Average, last 28 days",
        suffix=" of 5",
        target=4,
    ),
    _online(
        "Delivery on time, by month",
        _series(RELATIONSHIP, "average", "QID4_2", "period:month", "last_365_days"),
        ChartType.LINE,
        heading="Delivery was on time",
        subheading="Average from 1 to 5",
        latest_as_headline=True,
        target=4,
    ),
    _online(
        "Delivery on time, last 90 days and before",
        _comparison(RELATIONSHIP, "top_2_box", "QID4_2", "last_90_days"),
        ChartType.BAR_COMPARISON,
        heading="Delivered on time",
        subheading="Agree or strongly agree",
    ),
    _online(
        "Late deliveries",
        _number(RELATIONSHIP, "bottom_2_box", "QID4_2", "last_90_days"),
        ChartType.NUMBER,
        heading="Felt let down by delivery",
        subheading="Less is better",
        target=8,
        reverse_colors=True,
    ),
    _online(
        "Support satisfaction",
        _number(SUPPORT, "average", "QID1", "last_90_days"),
        ChartType.GAUGE,
        heading="Happy with support",
        subheading="Average from 1 to 5",
        target=4,
    ),
    _online(
        "Problem solved",
        _series(SUPPORT, "distribution", "QID2", "answer", "last_365_days"),
        ChartType.PIE,
        heading="Was your problem solved?",
    ),
    _online(
        "Support satisfaction by team",
        _series(SUPPORT, "average", "QID1", "field:Team"),
        ChartType.TABLE,
        heading="Satisfaction by team",
    ),
    _online(
        "How people reach us",
        _series(SUPPORT, "distribution", "QID11", "answer", "last_365_days"),
        ChartType.HORIZONTAL_BAR,
    ),
    _online(
        "Support contacts",
        _comparison(SUPPORT, "responses", "", "last_28_days"),
        ChartType.COMPARISON,
        heading="Surveyed support contacts",
        subheading="Fewer is better",
        reverse_colors=True,
    ),
    _online(
        "Effort",
        _number(SUPPORT, "average", "QID3", "last_90_days"),
        ChartType.NUMBER,
        heading="Made it easy for me",
        subheading="Average, 7 is best",
        suffix=" of 7",
    ),
    _stores(
        "Kiosk: NPS, last 28 days",
        QUALTRICS,
        _number(KIOSK, "nps", "QID1", "last_28_days"),
        ChartType.NUMBER,
        heading="Would recommend the kiosk",
        subheading="NPS of a pilot that has just begun",
    ),
    _stores(
        "Kiosk: NPS by store",
        QUALTRICS,
        _series(KIOSK, "nps", "QID1", "question:QID2"),
        ChartType.BAR,
        heading="Kiosk by store",
        subheading="NPS",
    ),
    _stores(
        "Kiosk: what for",
        QUALTRICS,
        _series(KIOSK, "distribution", "QID3", "answer"),
        ChartType.HORIZONTAL_BAR,
        heading="What the kiosk is used for",
    ),
    _stores(
        "Store visits: NPS by store",
        FILES,
        _series(VISITS, "nps", "nps", "field:store", "last_365_days"),
        ChartType.BAR,
        heading="Would recommend their store",
        subheading="NPS, from a file of visits",
        target=30,
    ),
    _stores(
        "Store visits: satisfaction by quarter",
        FILES,
        _series(VISITS, "average", "satisfaction", "period:quarter"),
        ChartType.LINE,
        heading="Satisfaction with the visit",
        subheading="Average from 1 to 5",
        latest_as_headline=True,
    ),
    _stores(
        "Store visits: minutes waited",
        FILES,
        _number(VISITS, "median", "minutes waited", "last_90_days"),
        ChartType.NUMBER,
        heading="Time until served",
        subheading="Median, last 90 days",
        suffix=" min",
        target=5,
        reverse_colors=True,
    ),
    _stores(
        "Store visits: services used",
        FILES,
        _series(VISITS, "distribution", "services[]", "answer", "last_365_days"),
        ChartType.HORIZONTAL_BAR,
        heading="What people came for",
    ),
)

MAPS: Final = (
    PlannedMap(
        name="Buying a bike online",
        workspace=ONLINE,
        stages=("Discover", "Compare", "Order", "Delivery", "Get help"),
        texts={
            "Customer does": (
                "Hears of us from a friend, or sees an advertisement, and looks around.",
                "Filters by size and price, reads reviews, asks at home.",
                "Chooses a colour, adds lights and a lock, pays.",
                "Follows the parcel, unpacks, adjusts saddle and brakes.",
                "Calls or writes when something is missing or rubs.",
            ),
            "Thinks & feels": (
                "“Is this a shop that knows bikes?”",
                "“So many models: which one fits me?”",
                "“I hope that the size is right.”",
                "“Finally! But where is the pedal key?”",
                "“I just want to ride on Saturday.”",
            ),
            "Touchpoints": (
                "Search, friends, shop window",
                "Web shop, app, size adviser",
                "Basket, payment, confirmation",
                "Parcel service, manual, video",
                "Phone, e-mail, chat",
            ),
        },
        cards={
            "Experience": (
                ("NPS, last 90 days and before", "NPS by quarter"),
                ("Easy to find what I need", "Prices are fair, by segment"),
                ("Satisfaction", "What went well"),
                ("Delivery on time, by month", "Delivery on time, last 90 days and before"),
                ("Support satisfaction", "Support satisfaction by team"),
            ),
            "Volume and mix": (
                ("Where people buy",),
                ("Kiosk: NPS, last 28 days",),
                ("Buyers who answered, by month",),
                ("Late deliveries",),
                ("Problem solved", "Support contacts"),
            ),
        },
    ),
    PlannedMap(
        name="Visiting a store",
        workspace=STORES,
        stages=("Arrive", "Be served", "Leave"),
        texts={
            "Customer does": (
                "Parks, comes in, looks for somebody, or goes to the kiosk.",
                "Is advised, rides a bike around the block, has something repaired.",
                "Pays, loads the bike, comes back for the first service.",
            ),
        },
        cards={
            "Experience": (
                ("Store visits: minutes waited", "Kiosk: NPS by store"),
                ("Store visits: satisfaction by quarter", "Store visits: services used"),
                ("Store visits: NPS by store", "Kiosk: what for"),
            ),
        },
    ),
)
