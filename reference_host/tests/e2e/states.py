"""The states that pages can be in: what is there to see, who sees it, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reference_host.tests.e2e import scenes
from reference_host.tests.e2e.scenes import Scene
from reference_host.tests.world import ACCOUNT
from smaply_metrics_core.host import Role
from smaply_metrics_host.demo_account import ACCOUNT as DEMO

QUALTRICS: Final = "/settings/integrations/qualtrics"
NEW: Final = "/metrics/new?source=qualtrics"
MARKUP_AS_TEXT: Final = "<img src=x onerror=alert(2)>"
SCRIPT_AS_TEXT: Final = "<script>alert('metric')</script>"


@dataclass(frozen=True)
class State:
    """A page in one of its states.

    Attributes:
        name: Of the state, and of its pictures.
        scene: What there is to see.
        path: The page, with the scene's ids in braces.
        role: Who looks; None is a stranger.
        says: A text that the page then shows.
    """

    name: str
    scene: Scene
    path: str
    role: Role | None
    says: str

    @property
    def account(self) -> str:
        """Whose page it is."""
        furnished = {scenes.demo, scenes.revoked, scenes.unreachable}
        return DEMO if self.scene in furnished else ACCOUNT


STATES: Final = (
    State("sign-in", scenes.nothing, "/sign-in", None, "Sign in"),
    State("not-found", scenes.nothing, "/no-such-page", Role.VIEWER, "Not found"),
    State("no-access", scenes.nothing, QUALTRICS, Role.VIEWER, "Ask an Admin"),
    State("no-maps-viewer", scenes.nothing, "/maps", Role.VIEWER, "No journey maps yet"),
    State("no-maps-editor", scenes.nothing, "/maps", Role.EDITOR, "Create journey map"),
    State("no-integration-editor", scenes.nothing, "/metrics", Role.EDITOR, "sk an Admin"),
    State("no-integration-admin", scenes.nothing, "/metrics", Role.ADMIN, "Set up"),
    State("integrations-empty", scenes.nothing, "/settings/integrations", Role.ADMIN, "Set up"),
    State("configure", scenes.nothing, QUALTRICS, Role.ADMIN, "API token"),
    State("account", scenes.nothing, "/settings/account", Role.ADMIN, "Ada"),
    State("no-metrics", scenes.connected, "/metrics", Role.EDITOR, "Create metric"),
    State("connected", scenes.connected, QUALTRICS, Role.ADMIN, "established"),
    State(
        "edit-connection", scenes.connected, f"{QUALTRICS}/edit", Role.ADMIN, "Edit Configuration"
    ),
    State(
        "debug", scenes.connected, f"{QUALTRICS}/debug?search=", Role.ADMIN, "Download survey data"
    ),
    State("no-surveys", scenes.without_surveys, NEW, Role.EDITOR, "No surveys"),
    State("metric-new-5000", scenes.with_5000_surveys, NEW, Role.EDITOR, "of 5,000, last modified"),
    State(
        "debug-5000",
        scenes.with_5000_surveys,
        f"{QUALTRICS}/debug?search=",
        Role.ADMIN,
        "5,000 surveys",
    ),
    State("map", scenes.demo, "/maps/{map}", Role.VIEWER, "Buying a bike online"),
    State("map-edit", scenes.demo, "/maps/{map}/edit", Role.EDITOR, "Add a stage"),
    State("maps", scenes.demo, "/maps", Role.EDITOR, "Buying a bike online"),
    State("metrics", scenes.demo, "/metrics", Role.EDITOR, "NPS by quarter"),
    State("metric-new", scenes.demo, NEW, Role.EDITOR, "Relationship"),
    State("metric-edit", scenes.demo, "/metrics/{metric}/edit", Role.EDITOR, "Save metric"),
    State("delete-connection", scenes.demo, f"{QUALTRICS}/delete", Role.ADMIN, "NPS by quarter"),
    State("map-revoked", scenes.revoked, "/maps/{map}", Role.VIEWER, "Token revoked"),
    State("connection-error", scenes.revoked, QUALTRICS, Role.ADMIN, "Connection Error"),
    State("map-unreachable", scenes.unreachable, "/maps/{map}", Role.VIEWER, "Connection"),
    State("map-awkward", scenes.awkward, "/maps/{map}", Role.EDITOR, SCRIPT_AS_TEXT),
    State("metrics-awkward", scenes.awkward, "/metrics", Role.EDITOR, SCRIPT_AS_TEXT),
    State(
        "metric-awkward",
        scenes.awkward_answers,
        "/metrics/{metric}/edit",
        Role.EDITOR,
        MARKUP_AS_TEXT,
    ),
    State(
        "map-awkward-answers",
        scenes.awkward_answers,
        "/maps/{map}",
        Role.VIEWER,
        MARKUP_AS_TEXT,
    ),
)
