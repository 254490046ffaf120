"""The states of pages: their scene, role and an expected text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.e2e import page_states_setup
from reference_host.tests.e2e.page_states_setup import Scene
from smaply_metrics_core.host import Role
from smaply_metrics_host.demo.seed import ACCOUNT as DEMO

QUALTRICS: Final = "/settings/integrations/qualtrics"
NEW: Final = "/metrics/new?source=qualtrics"
MARKUP_AS_TEXT: Final = "<img src=x onerror=alert(2)>"
SCRIPT_AS_TEXT: Final = "<script>alert('metric')</script>"


@dataclass(frozen=True)
class State:
    """A page in one state.

    Attributes:
        name: The name of the state and of its screenshots.
        scene: Sets up the data.
        path: The path of the page, with the scene's ids in braces.
        role: The role of the person; ``None`` if signed out.
        says: A text that the page shows.
    """

    name: str
    scene: Scene
    path: str
    role: Role | None
    says: str

    @property
    def account(self) -> str:
        """The account of the page."""
        furnished = {
            page_states_setup.demo,
            page_states_setup.revoked,
            page_states_setup.unreachable,
            page_states_setup.with_chosen_surveys,
        }
        return DEMO if self.scene in furnished else ACCOUNT


STATES: Final = (
    State("sign-in", page_states_setup.nothing, "/sign-in", None, "Sign in"),
    State("not-found", page_states_setup.nothing, "/no-such-page", Role.VIEWER, "Not found"),
    State("no-access", page_states_setup.nothing, QUALTRICS, Role.VIEWER, "Ask an Admin"),
    State("no-maps-viewer", page_states_setup.nothing, "/maps", Role.VIEWER, "No journey maps yet"),
    State("no-maps-admin", page_states_setup.nothing, "/maps", Role.ADMIN, "First steps"),
    State("no-maps-editor", page_states_setup.nothing, "/maps", Role.EDITOR, "Create journey map"),
    State(
        "no-integration-editor", page_states_setup.nothing, "/metrics", Role.EDITOR, "Ask an Admin"
    ),
    State("no-integration-admin", page_states_setup.nothing, "/metrics", Role.ADMIN, "Set up"),
    State(
        "integrations-empty",
        page_states_setup.nothing,
        "/settings/integrations",
        Role.ADMIN,
        "Set up",
    ),
    State("configure", page_states_setup.nothing, QUALTRICS, Role.ADMIN, "API token"),
    State("account", page_states_setup.nothing, "/settings/account", Role.ADMIN, "Ada"),
    State("share-links", page_states_setup.demo, "/settings/share-links", Role.ADMIN, "Ada"),
    State("no-metrics", page_states_setup.connected, "/metrics", Role.EDITOR, "Create metric"),
    State("connected", page_states_setup.connected, QUALTRICS, Role.ADMIN, "established"),
    State(
        "edit-connection",
        page_states_setup.connected,
        f"{QUALTRICS}/edit",
        Role.ADMIN,
        "Edit Configuration",
    ),
    State(
        "debug",
        page_states_setup.connected,
        f"{QUALTRICS}/debug?search=",
        Role.ADMIN,
        "Download survey data",
    ),
    State(
        "surveys-5000",
        page_states_setup.with_5000_surveys,
        f"{QUALTRICS}/surveys?waited=true",
        Role.ADMIN,
        "Only chosen surveys",
    ),
    State(
        "surveys-chosen",
        page_states_setup.with_chosen_surveys,
        f"{QUALTRICS}/surveys",
        Role.ADMIN,
        "no longer found",
    ),
    State(
        "map-not-chosen",
        page_states_setup.with_chosen_surveys,
        "/maps/{map}",
        Role.VIEWER,
        "Survey not chosen",
    ),
    State("no-surveys", page_states_setup.without_surveys, NEW, Role.EDITOR, "No surveys"),
    State(
        "metric-new-5000",
        page_states_setup.with_5000_surveys,
        NEW,
        Role.EDITOR,
        "of 5,000, most recently modified",
    ),
    State(
        "debug-5000",
        page_states_setup.with_5000_surveys,
        f"{QUALTRICS}/debug?search=",
        Role.ADMIN,
        "5,000 surveys",
    ),
    State(
        "upload", page_states_setup.with_uploads, "/metrics/upload", Role.EDITOR, "Drop the file"
    ),
    State("upload-asked", page_states_setup.with_uploads, "{asked}", Role.EDITOR, "month first"),
    State(
        "no-entered-values",
        page_states_setup.nothing,
        "/metrics/entered",
        Role.EDITOR,
        "No values yet",
    ),
    State(
        "enter-values",
        page_states_setup.nothing,
        "/metrics/entered/new",
        Role.EDITOR,
        "Copied cells",
    ),
    State(
        "entered-values",
        page_states_setup.with_entered_values,
        "/metrics/entered/{table}",
        Role.EDITOR,
        "Create metric",
    ),
    State("upload-replace", page_states_setup.with_uploads, "{visits}", Role.EDITOR, "Replace"),
    State("map", page_states_setup.demo, "/maps/{map}", Role.VIEWER, "Buying a bike online"),
    State("card", page_states_setup.demo, "/maps/{map}/cards/{card}", Role.VIEWER, "Past values"),
    State("map-edit", page_states_setup.demo, "/maps/{map}/edit", Role.EDITOR, "Add a stage"),
    State("map-share", page_states_setup.demo, "/maps/{map}/share", Role.EDITOR, "Create link"),
    State(
        "map-delete", page_states_setup.demo, "/maps/{map}/delete", Role.EDITOR, "will be deleted"
    ),
    State("map-wall", page_states_setup.demo, "/maps/{map}?wall=1", Role.VIEWER, "Live"),
    State("map-shared", page_states_setup.demo, "/shared/{token}/map", None, "Live"),
    State("share-link-ended", page_states_setup.nothing, "/shared/x/map", None, "does not work"),
    State(
        "card-place",
        page_states_setup.demo,
        "/maps/{map}/cards/new?lane={lane}&stage={stage}",
        Role.EDITOR,
        "Add cards",
    ),
    State(
        "card-display",
        page_states_setup.demo,
        "/maps/{map}/cards/{card}/display",
        Role.EDITOR,
        "Display settings",
    ),
    State(
        "card-move",
        page_states_setup.demo,
        "/maps/{map}/cards/{card}/move",
        Role.EDITOR,
        "Move the card",
    ),
    State(
        "stage-move",
        page_states_setup.demo,
        "/maps/{map}/stages/{stage}/move",
        Role.EDITOR,
        "Move the stage",
    ),
    State("maps", page_states_setup.demo, "/maps", Role.EDITOR, "Buying a bike online"),
    State("metrics", page_states_setup.demo, "/metrics", Role.EDITOR, "NPS by quarter"),
    State("metric-new", page_states_setup.demo, NEW, Role.EDITOR, "Relationship"),
    State(
        "metric-question",
        page_states_setup.connected,
        f"{NEW}&survey=SV_RelationshipA01",
        Role.EDITOR,
        "Multiple choice",
    ),
    State(
        "metric-many-questions",
        page_states_setup.with_many_questions,
        "/metrics/{metric}/edit",
        Role.EDITOR,
        "type to narrow the list",
    ),
    State(
        "metric-edit", page_states_setup.demo, "/metrics/{metric}/edit", Role.EDITOR, "Save metric"
    ),
    State(
        "delete-connection",
        page_states_setup.demo,
        f"{QUALTRICS}/delete",
        Role.ADMIN,
        "NPS by quarter",
    ),
    State("map-revoked", page_states_setup.revoked, "/maps/{map}", Role.VIEWER, "Token revoked"),
    State(
        "map-revoked-admin",
        page_states_setup.revoked,
        "/maps/{map}",
        Role.ADMIN,
        "Enter the current API token",
    ),
    State("connection-error", page_states_setup.revoked, QUALTRICS, Role.ADMIN, "Connection Error"),
    State(
        "map-unreachable", page_states_setup.unreachable, "/maps/{map}", Role.VIEWER, "Connection"
    ),
    State("map-awkward", page_states_setup.awkward, "/maps/{map}", Role.EDITOR, SCRIPT_AS_TEXT),
    State("metrics-awkward", page_states_setup.awkward, "/metrics", Role.EDITOR, SCRIPT_AS_TEXT),
    State(
        "metric-awkward",
        page_states_setup.awkward_answers,
        "/metrics/{metric}/edit",
        Role.EDITOR,
        MARKUP_AS_TEXT,
    ),
    State(
        "map-awkward-answers",
        page_states_setup.awkward_answers,
        "/maps/{map}",
        Role.VIEWER,
        MARKUP_AS_TEXT,
    ),
)
