"""The states that pages can be in: how each comes about, who sees it, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reference_host.tests.world import ACCOUNT, TOKEN, World
from smaply_metrics_core.host import (
    Calculation,
    ChartType,
    Definition,
    Display,
    GroupBy,
    MetricType,
    Role,
)
from smaply_metrics_host.demo_account import ACCOUNT as DEMO
from smaply_metrics_host.demo_account import furnish
from smaply_metrics_host.store.journey import Cell

SURVEY: Final = "SV_RelationshipA01"
RECOMMEND: Final = "QID1"
SECONDS: Final = 60.0
Arrange = Callable[[World], str]
"""Arranges a state; gives the page's address."""

LONG: Final = "Wie zufrieden sind unsere Kundinnen und Kunden mit der Zustellung? " * 4
NAMES: Final = (
    LONG[:300],
    "Weiterempfehlungsbereitschaftsentwicklung der Österreich-Filialen",
    "お客様満足度 オンライン購入後のアンケート",
    "رضا العملاء عن التوصيل في الموعد",
    "🚲 Fahrradkauf 💚 4,5 ⭐",
    "<script>alert('metric')</script> & <b>bold</b>",
)
"""Names that break what was made for short English ones."""


@dataclass(frozen=True)
class State:
    """A page in one of its states.

    Attributes:
        name: Of the state, and of its pictures.
        role: Who looks; None is a stranger.
        says: A text that the page then shows.
        account: Whose page it is.
    """

    name: str
    arrange: Arrange
    role: Role | None
    says: str
    account: str = ACCOUNT


def at(path: str) -> Arrange:
    """Arrange nothing: the account is as empty as it began."""
    return lambda _: path


def connected(path: str) -> Arrange:
    """Connect Qualtrics, and no more."""

    def arrange(world: World) -> str:
        world.connect()
        return path

    return arrange


def without_surveys(path: str) -> Arrange:
    """Connect Qualtrics, whose user then sees no survey."""

    def arrange(world: World) -> str:
        world.connect()
        for survey in list(world.sandbox.state.surveys):
            world.sandbox.state.share(survey, listed=False)
        return path

    return arrange


def demo(path: str = "") -> Arrange:
    """Furnish the demo's account; without a path, its first map."""

    def arrange(world: World) -> str:
        map_id = _furnish(world)
        return path or f"/maps/{map_id}"

    return arrange


def revoked(path: str = "") -> Arrange:
    """Revoke the token that the demo's account is connected with, and let a map find out."""

    def arrange(world: World) -> str:
        map_id = _furnish(world)
        world.sandbox.state.set_token("another-token-of-forty-characters-000001")
        world.clock.forward(timedelta(hours=1, minutes=5))
        ada = world.actor(account=DEMO)
        world.run(world.site.metrics.cards.load(ada, wait=SECONDS))
        return path or f"/maps/{map_id}"

    return arrange


def unreachable(world: World) -> str:
    """Let Qualtrics fail while a map is refreshed."""
    map_id = _furnish(world)
    world.sandbox.state.add_fault("definition", kind="status", status=503, times=0)
    world.sandbox.state.add_fault("export_start", kind="status", status=503, times=0)
    world.clock.forward(timedelta(hours=1, minutes=5))
    ada = world.actor(account=DEMO)
    world.run(world.site.metrics.cards.load(ada, wait=SECONDS))
    return f"/maps/{map_id}"


def editing(world: World) -> str:
    """Furnish the demo's account, and edit its map."""
    return f"/maps/{_furnish(world)}/edit"


def first_metric(world: World) -> str:
    """Furnish the demo's account, and edit its first metric."""
    _furnish(world)
    ada = world.actor(account=DEMO)
    metrics = world.run(world.site.metrics.metrics.list(ada))
    return f"/metrics/{metrics[0].id}/edit"


def awkward(world: World) -> str:
    """Give everything on a map a name that breaks what was made for short English ones."""
    connection = world.connect()
    world.site.people.invite(ACCOUNT, "Ada", Role.ADMIN)
    journeys, placing = world.site.journeys, world.site.placing
    workspace = world.site.people.workspaces(ACCOUNT)[0].id
    journey = journeys.add(ACCOUNT, workspace, NAMES[0])
    lanes = [journeys.add_lane(ACCOUNT, journey, NAMES[1], kind) for kind in ("text", "data")]
    series = Definition(
        type=MetricType.SERIES,
        survey_id=SURVEY,
        question_id=RECOMMEND,
        calculation=Calculation.NPS,
        group_by=GroupBy.parse("period:quarter"),
    )
    ada = world.actor()
    for name in NAMES:
        stage = journeys.add_stage(ACCOUNT, journey, name)
        journeys.write(ACCOUNT, Cell(journey, lanes[0], stage), f"{name}\n{name}")
        metric = world.run(
            world.site.metrics.metrics.add(ada, connection, name, series, workspace=workspace)
        )
        display = Display(
            chart=ChartType.LINE, heading=name, subheading=name, suffix=" pts", target=40
        )
        placing.place(ACCOUNT, Cell(journey, lanes[1], stage), metric.id, display)
    world.run(world.site.metrics.cards.load(ada, wait=SECONDS))
    return f"/maps/{journey}"


def awkward_list(world: World) -> str:
    """List the metrics of awkward names."""
    awkward(world)
    return "/metrics"


def _furnish(world: World) -> str:
    world.site.people.invite(DEMO, "Ada", Role.ADMIN)
    seed = 1
    host = world.sandbox.host

    async def furnished() -> str:
        async with asyncio.timeout(SECONDS):
            return await furnish(world.site, host, TOKEN, seed)

    return world.run(furnished())


STATES: Final = (
    State("sign-in", at("/sign-in"), None, "Sign in"),
    State("not-found", at("/no-such-page"), Role.VIEWER, "Not found"),
    State("no-access", at("/settings/integrations/qualtrics"), Role.VIEWER, "Ask an Admin"),
    State("no-maps-viewer", at("/maps"), Role.VIEWER, "No journey maps yet"),
    State("no-maps-editor", at("/maps"), Role.EDITOR, "Create journey map"),
    State("no-integration-editor", at("/metrics"), Role.EDITOR, "sk an Admin"),
    State("no-integration-admin", at("/metrics"), Role.ADMIN, "Set up"),
    State("integrations-empty", at("/settings/integrations"), Role.ADMIN, "Set up"),
    State("configure", at("/settings/integrations/qualtrics"), Role.ADMIN, "API token"),
    State("account", at("/settings/account"), Role.ADMIN, "Ada"),
    State("no-metrics", connected("/metrics"), Role.EDITOR, "Create metric"),
    State(
        "no-surveys", without_surveys("/metrics/new?source=qualtrics"), Role.EDITOR, "No surveys"
    ),
    State("connected", connected("/settings/integrations/qualtrics"), Role.ADMIN, "established"),
    State(
        "edit-connection",
        connected("/settings/integrations/qualtrics/edit"),
        Role.ADMIN,
        "Edit Configuration",
    ),
    State(
        "delete-connection",
        demo("/settings/integrations/qualtrics/delete"),
        Role.ADMIN,
        "NPS by quarter",
        DEMO,
    ),
    State(
        "debug",
        connected("/settings/integrations/qualtrics/debug?search="),
        Role.ADMIN,
        "Download survey data",
    ),
    State("map", demo(), Role.VIEWER, "Buying a bike online", DEMO),
    State("map-edit", editing, Role.EDITOR, "Add a stage", DEMO),
    State("maps", demo("/maps"), Role.EDITOR, "Buying a bike online", DEMO),
    State("metrics", demo("/metrics"), Role.EDITOR, "NPS by quarter", DEMO),
    State("metric-new", demo("/metrics/new?source=qualtrics"), Role.EDITOR, "Relationship", DEMO),
    State("metric-edit", first_metric, Role.EDITOR, "Save metric", DEMO),
    State("map-revoked", revoked(), Role.VIEWER, "Token revoked", DEMO),
    State(
        "connection-error",
        revoked("/settings/integrations/qualtrics"),
        Role.ADMIN,
        "Connection Error",
        DEMO,
    ),
    State("map-unreachable", unreachable, Role.VIEWER, "Connection", DEMO),
    State("map-awkward", awkward, Role.EDITOR, "<script>alert('metric')</script>"),
    State("metrics-awkward", awkward_list, Role.EDITOR, "<script>alert('metric')</script>"),
)
