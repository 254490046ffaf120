"""An account with one object of each kind, and signed-in API clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import Calculation, Definition, NotFound, Role
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    import httpx

    from reference_host.tests.app_fixture import World

SOURCE: Final = "csv_example"
FOLDER: Final = "surveys"
SURVEY: Final = "purchases"
QUESTION: Final = "nps"
ROWS: Final = "recorded_at,nps,field:country\n" + "".join(
    f"2026-{month:02}-{day:02}T12:00:00+00:00,{(month * day) % 11},{'AT' if day % 2 else 'DE'}\n"
    for month in range(1, 11)
    for day in range(1, 11)
)


@dataclass(frozen=True)
class Prepared:
    """An account and the ids of its objects.

    Attributes:
        mark: The prefix of every name in it.
        metric: A metric without a value yet.
        map: A journey map with one stage, a text lane, and a data lane with one card.
        person: A person who never signs in.
        share_link: A share link of the map.
    """

    account: str
    mark: str
    connection: str
    workspace: str
    metric: str
    map: str
    stage: str
    text_lane: str
    data_lane: str
    card: str
    person: str
    share_link: str

    def is_whole(self, world: World) -> bool:
        """Whether all objects still exist, unchanged."""
        app_state = world.app_state
        try:
            journey = app_state.maps.show(self.account, self.map)
            metric = world.run(
                app_state.metrics.metrics.show(world.actor(account=self.account), self.metric)
            )
            world.run(
                app_state.metrics.connections.show(
                    world.actor(account=self.account), self.connection
                )
            )
        except NotFound:
            return False
        people = {one.id for one in app_state.people.of_account(self.account)}
        links = {one.id for one in app_state.share_links.of_map(self.account, self.map)}
        workspaces = [one.name for one in app_state.people.workspaces(self.account)]
        return (
            [one.id for one in journey.cards] == [self.card]
            and len(journey.lanes) == 2
            and metric.version == 1
            and self.person in people
            and self.share_link in links
            and workspaces == [f"{self.mark}Online shop", "Workspace"]
        )


def program(world: World, role: Role | None, account: str) -> httpx.Client:
    """Return an API client of a person with this role, which sends the CSRF token."""
    client = world.client(role, account=account)
    if role is not None:
        client.headers["x-csrf-token"] = client.get("/api/session").json()["csrf_token"]
    return client


def prepare(world: World, account: str, *, mark: str = "") -> Prepared:
    """Fill an account with objects whose names begin with ``mark``."""
    folder = world.app_state.settings.files_of(account) / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{mark}{SURVEY}.csv").write_text(ROWS, encoding="utf-8")
    app_state, admin = world.app_state, world.actor(account=account)
    app_state.people.invite(account, f"{mark}Petra", Role.VIEWER)
    (person,) = (one for one in app_state.people.of_account(account) if one.name == f"{mark}Petra")
    workspace = app_state.people.add_workspace(account, f"{mark}Online shop").id
    map_id = app_state.maps.add(account, workspace, f"{mark}Buying online")
    stage = app_state.maps.add_stage(account, map_id, f"{mark}Discover")
    text_lane = app_state.maps.add_lane(account, map_id, f"{mark}Steps", "text")
    data_lane = app_state.maps.add_lane(account, map_id, f"{mark}Numbers", "data")
    app_state.maps.write(account, Cell(map_id, text_lane, stage), f"{mark}Reads about it")

    async def measure() -> tuple[str, str]:
        connection = await app_state.metrics.connections.connect(admin, SOURCE, {"folder": FOLDER})
        definition = Definition(
            survey_id=f"{mark}{SURVEY}", question_id=QUESTION, calculation=Calculation.NPS
        )
        metric = await app_state.metrics.metrics.add(
            admin, connection.id, f"{mark}Recommend us", definition, workspace=workspace
        )
        return connection.id, metric.id

    connection, metric = world.run(measure())
    shown = world.run(app_state.metrics.metrics.show(admin, metric))
    card = app_state.card_placements.place(
        account, Cell(map_id, data_lane, stage), metric, shown.display
    )
    share_link, _ = app_state.share_links.add(map_id, 30, by=person)
    return Prepared(
        account=account,
        mark=mark,
        connection=connection,
        workspace=workspace,
        metric=metric,
        map=map_id,
        stage=stage,
        text_lane=text_lane,
        data_lane=data_lane,
        card=card,
        person=person.id,
        share_link=share_link.id,
    )


def values_for(prepared: Prepared, call: str, job: str, host: str) -> dict[str, Any]:
    """Return the ids of an account by the names of parameters and body fields.

    Args:
        prepared: The account.
        call: The operation that takes them.
        job: A job of the signed-in person.
        host: The host of the sandbox.
    """
    survey = f"{prepared.mark}{SURVEY}"
    definition = {"survey_id": survey, "question_id": QUESTION, "calculation": "nps"}
    values = {
        "source_id": SOURCE,
        "source": SOURCE,
        "connection_id": prepared.connection,
        "connection": prepared.connection,
        "values": {"folder": FOLDER},
        "survey_id": survey,
        "survey_ids": [survey],
        "draft": {"type": "number", "question_id": QUESTION},
        "definition": definition,
        "workspace": prepared.workspace,
        "workspace_id": prepared.workspace,
        "metric_id": prepared.metric,
        "metric": prepared.metric,
        "metrics": [prepared.metric],
        "map_id": prepared.map,
        "stage_id": prepared.stage,
        "stage": prepared.stage,
        "lane_id": prepared.data_lane,
        "lane": prepared.data_lane,
        "card_id": prepared.card,
        "person_id": prepared.person,
        "link_id": prepared.share_link,
        "job_id": job,
        "wait": 0.1,
    }
    special: dict[str, dict[str, Any]] = {
        "connect": {"source": "qualtrics", "values": {"base_url": host, "api_token": TOKEN}},
        "load_cards": {"metric": [prepared.metric]},
        "write_text": {"lane": prepared.text_lane},
    }
    return values | special.get(call, {})


def snapshot(world: World, prepared: Prepared) -> str:
    """Return a text with everything that an account contains."""
    app_state, account, admin = (
        world.app_state,
        prepared.account,
        world.actor(account=prepared.account),
    )
    return repr(
        (
            app_state.people.of_account(account),
            app_state.people.workspaces(account),
            [app_state.maps.show(account, one.id) for one in app_state.maps.list(account)],
            app_state.share_links.of_account(account),
            app_state.share_links.allowed(account),
            world.run(app_state.metrics.metrics.list(admin)),
            world.run(app_state.metrics.accounts.show(admin)),
            world.run(app_state.metrics.connections.list(admin)),
            [card.result for card in world.run(app_state.metrics.cards.load(admin, refresh=False))],
        )
    )
