"""Connections: connect, show masked, edit, check again and delete."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import (
    CredentialsInvalid,
    Issue,
    MetricsError,
    Unreachable,
)
from smaply_metrics_core.errors import (
    AlreadyExists,
    CheckFailed,
    DecryptionFailed,
    EncryptionKeyMissing,
    InputError,
    NotFound,
    RoleRequired,
)
from smaply_metrics_core.host import Actor, ConnectionStatus, Freshness, Role, SourceForm
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    KEY,
    TOKEN,
    VIEWER,
    postgresql_only,
    sqlite_only,
    values,
)

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from smaply_metrics_core.models.check import StepResult
    from tests.host.conftest import World


pytestmark = pytest.mark.postgresql_deep(reason="the rows are tested in store/")


def test_a_form_describes_the_credentials_of_a_source(host: MetricsHost) -> None:
    """Fields and check steps are plain data: a host needs no class of a plugin."""
    form = host.connections.form("shop")
    assert (form.id, form.title) == ("shop", "The Shop")
    assert [(field.label, field.secret, field.required) for field in form.fields] == [
        ("API token", True, True),
        ("Base URL", False, False),
        ("Nickname", False, False),
    ]
    assert [step.name for step in form.steps] == ["reach", "authenticate", "list_surveys"]
    assert SourceForm.model_validate_json(form.model_dump_json()) == form
    with pytest.raises(NotFound):
        host.connections.form("bakery")


def test_connecting_checks_stores_and_masks(world: World, host: MetricsHost) -> None:
    """A connection is checked, and its token is shown as dots and the last four characters."""
    steps: list[StepResult] = []
    view = host.connections.connect(
        ADMIN, "shop", {"api_token": f"  {TOKEN}\n"}, on_step=steps.append
    )
    assert view.status is ConnectionStatus.CONNECTED
    assert [step.name for step in steps] == ["reach", "authenticate", "list_surveys"]
    token = next(field for field in view.fields if field.name == "api_token")
    assert token.value.endswith(TOKEN[-4:])
    assert TOKEN[-5:] not in view.model_dump_json()
    assert view.fields[-1].value == ""  # A missing nickname is empty, not “None”.


def test_no_file_contains_the_token(world: World, host: MetricsHost) -> None:
    """The token is in no file of the home, in any state of the store's log."""
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.close()
    for path in world.home.rglob("*"):
        assert TOKEN.encode() not in path.read_bytes(), path.name


@sqlite_only
def test_the_store_is_for_its_owner_alone(world: World, host: MetricsHost) -> None:
    """Other users of the machine cannot read the store and the home."""
    assert (world.home / "store.db").stat().st_mode & 0o077 == 0
    assert world.home.stat().st_mode & 0o077 == 0


def test_a_second_connection_is_refused(connected: MetricsHost) -> None:
    """An account has one connection per source."""
    with pytest.raises(AlreadyExists) as refused:
        connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert "Edit Configuration" in refused.value.remedy


def test_a_rejected_token_is_not_stored(host: MetricsHost) -> None:
    """When authentication fails nothing is saved, and the issue is named."""
    with pytest.raises(CheckFailed) as refused:
        host.connections.connect(ADMIN, "shop", {"api_token": "wrong-token-99999"})
    problem = refused.value.to_problem()
    assert (problem.kind, problem.issue) == ("credential_refused", Issue.AUTHENTICATION)
    assert [step.status for step in refused.value.report.steps] == ["passed", "failed", "skipped"]
    assert host.connections.list(ADMIN) == ()


def test_an_outage_is_not_an_authentication_issue(world: World, host: MetricsHost) -> None:
    """An unreachable host is a connection issue."""
    world.shop.failure = Unreachable("Nothing answers.")
    with pytest.raises(CheckFailed) as refused:
        host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert refused.value.to_problem().issue is Issue.CONNECTION


def test_an_account_without_surveys_is_saved_with_a_warning(
    world: World, host: MetricsHost
) -> None:
    """Optional steps never prevent saving; their issue is shown on the connection."""
    world.shop.answers = {}
    view = host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert view.status is ConnectionStatus.WARNING
    assert view.problem is not None
    assert view.problem.issue is Issue.SURVEYS
    assert host.connections.show(ADMIN, view.id) == view


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tökén-with-accents", ""])
def test_a_malformed_token_is_refused_and_not_repeated(
    world: World, host: MetricsHost, token: str
) -> None:
    """A token with invalid characters is rejected before any request."""
    with pytest.raises(CredentialsInvalid) as refused:
        host.connections.connect(ADMIN, "shop", {"api_token": token})
    assert world.shop.attempts == 0
    assert not token or token not in str(refused.value.to_problem())


def test_without_a_key_nothing_is_stored(world: World) -> None:
    """A malformed key is an error; it is not treated as missing."""
    world.environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = "short"
    with pytest.raises(MetricsError):
        world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN})


@postgresql_only
def test_a_shared_store_creates_no_key_file(world: World) -> None:
    """Other machines could not decrypt with a key file, so the setting is required."""
    world.environment = {}
    with pytest.raises(EncryptionKeyMissing, match="SMAPLY_METRICS_ENCRYPTION_KEYS is not set"):
        world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert not (world.home / "key").exists()


@sqlite_only
def test_the_embedded_key_file_is_created_once(world: World) -> None:
    """Without the setting, the home gets a key file that only its owner can read."""
    world.environment.clear()
    world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    key = world.home / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert world.open().connections.list(ADMIN)[0].status is ConnectionStatus.CONNECTED


@sqlite_only
def test_a_lost_key_breaks_one_connection_and_not_the_list(world: World) -> None:
    """The list is returned, the connection shows a remedy, and no key is created."""
    world.environment.clear()
    world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    (world.home / "key").unlink()
    host = world.open()
    (view,) = host.connections.list(ADMIN)
    assert view.status is ConnectionStatus.ERROR
    assert view.problem is not None
    assert "token" in view.problem.remedy.lower() or "key" in view.problem.remedy.lower()
    assert not (world.home / "key").exists()
    with pytest.raises((EncryptionKeyMissing, DecryptionFailed)):
        host.catalog.surveys(ADMIN, view.id)


def test_a_check_encrypts_with_the_new_key(world: World) -> None:
    """Once each connection was checked with a new first key, the old key can be removed."""
    world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    new = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
    world.environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = f"{new},{KEY}"
    world.open().connections.check(ADMIN, "shop")
    world.environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = new
    assert world.open().connections.show(ADMIN, "shop").problem is None


def test_damaged_credentials_are_detected_and_can_be_replaced(world: World) -> None:
    """A changed row is not decrypted; entering the token again fixes it."""
    host = world.open()
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    ((sealed,),) = world.query("SELECT sealed FROM connections")
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    world.query("UPDATE connections SET sealed = :flipped", flipped=flipped)
    (view,) = host.connections.list(ADMIN)
    assert view.status is ConnectionStatus.ERROR
    assert view.problem is not None
    assert "Enter the credentials again" in view.problem.remedy
    mended = host.connections.edit(ADMIN, view.id, {"api_token": TOKEN})
    assert mended.status is ConnectionStatus.CONNECTED


def test_a_failed_edit_leaves_the_old_credentials(connected: MetricsHost) -> None:
    """A rejected new token leaves the old one in use."""
    (view,) = connected.connections.list(ADMIN)
    with pytest.raises(CheckFailed):
        connected.connections.edit(ADMIN, view.id, {"api_token": "wrong-token-99999"})
    assert connected.connections.check(ADMIN, view.id).status is ConnectionStatus.CONNECTED


def test_a_new_token_is_enough_when_the_host_is_the_same(
    world: World, connected: MetricsHost
) -> None:
    """Rotating a token requires only the token."""
    world.shop.tokens = {"right-token-0002"}
    view = connected.connections.edit(ADMIN, "shop", {"api_token": "right-token-0002"})
    assert view.status is ConnectionStatus.CONNECTED


def test_a_new_host_requires_the_token_again(connected: MetricsHost) -> None:
    """A stored token is never sent to another host."""
    with pytest.raises(InputError) as refused:
        connected.connections.edit(ADMIN, "shop", {"base_url": "evil.example.com"})
    assert "API token" in refused.value.remedy
    connected.connections.edit(ADMIN, "shop", {"nickname": "harmless", "api_token": ""})
    view = connected.connections.edit(
        ADMIN, "shop", {"base_url": "other.example.com", "api_token": TOKEN}
    )
    assert "other.example.com" in [field.value for field in view.fields]


def test_another_distribution_never_sees_the_credentials(world: World) -> None:
    """When another distribution provides the source, the credentials must be entered again."""
    world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    attempts = world.shop.attempts
    world.distribution = "not-the-shop"
    host = world.open()
    (view,) = host.connections.list(ADMIN)
    assert view.status is ConnectionStatus.ERROR
    with pytest.raises(DecryptionFailed):
        host.catalog.surveys(ADMIN, view.id)
    assert world.shop.attempts == attempts
    assert host.connections.edit(ADMIN, view.id, {"api_token": TOKEN}).problem is None


def test_a_revoked_token_is_reported_as_revoked(world: World, connected: MetricsHost) -> None:
    """A rejection on a connection that worked before is the issue Token revoked."""
    world.shop.tokens = set()
    view = connected.connections.check(ADMIN, "shop")
    assert view.status is ConnectionStatus.ERROR
    assert view.problem is not None
    assert view.problem.issue is Issue.TOKEN_REVOKED
    assert view.problem_at == view.checked_at
    with pytest.raises(MetricsError) as refused:
        connected.catalog.surveys(EDITOR, "shop")
    assert refused.value.issue is Issue.TOKEN_REVOKED


def test_a_problem_is_newer_than_a_check_that_passed(world: World, connected: MetricsHost) -> None:
    """A rejection after a check states when it was found; a working connection has no such time."""
    checked = connected.connections.show(ADMIN, "shop")
    assert checked.problem_at is None
    world.clock.forward(600)
    world.shop.tokens = set()
    with pytest.raises(MetricsError):
        connected.catalog.surveys(EDITOR, "shop")
    broken = connected.connections.show(ADMIN, "shop")
    assert broken.checked_at == checked.checked_at
    assert broken.problem_at == world.clock.now()


def test_deleting_keeps_metrics_and_connecting_again_attaches_them(
    world: World, connected: MetricsHost
) -> None:
    """Metrics keep their last value, marked Not connected, until the source is connected again."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert values(connected) == [4.0]
    deleted = connected.connections.delete(ADMIN, "shop")
    assert deleted.metrics == ("Stars",)
    (card,) = connected.cards.load(VIEWER, wait=60)
    assert card.freshness is Freshness.NOT_CONNECTED
    assert card.result is not None
    assert card.result.current.value == 4.0
    assert world.query("SELECT count(*) FROM connections") == [(0,)]
    view = connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert view.unseen == ()
    (card,) = connected.cards.load(VIEWER, wait=60)
    assert card.freshness is Freshness.FRESH


def test_connecting_again_lists_metrics_that_the_new_token_cannot_see(
    world: World, connected: MetricsHost
) -> None:
    """Another user's token may see other surveys; metrics without a visible survey are named."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.connections.delete(ADMIN, "shop")
    del world.shop.answers["S1"]
    view = connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert view.unseen == ("Stars",)


def test_only_an_admin_handles_connections(connected: MetricsHost) -> None:
    """An Editor cannot connect, check, edit or delete, and does not see the masked token."""
    calls = connected.connections
    for attempt in (
        lambda: calls.connect(EDITOR, "shop", {"api_token": TOKEN}),
        lambda: calls.check(EDITOR, "shop"),
        lambda: calls.edit(EDITOR, "shop", {"api_token": TOKEN}),
        lambda: calls.delete(EDITOR, "shop"),
    ):
        with pytest.raises(RoleRequired):
            attempt()
    assert calls.list(EDITOR)[0].fields == ()
    with pytest.raises(RoleRequired):
        connected.catalog.surveys(VIEWER, "shop")


def test_accounts_do_not_see_each_other(connected: MetricsHost) -> None:
    """A connection and a metric of one account are not found from another."""
    stranger = Actor("other", "oscar", Role.ADMIN)
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connection = connected.connections.list(ADMIN)[0]
    assert connected.connections.list(stranger) == ()
    for attempt in (
        lambda: connected.connections.show(stranger, connection.id),
        lambda: connected.metrics.show(stranger, metric.id),
        lambda: connected.metrics.delete(stranger, metric.id),
        lambda: connected.cards.load(stranger, [metric.id]),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert connected.cards.load(stranger) == ()


def test_what_may_be_a_mistyped_token_is_not_repeated(connected: MetricsHost) -> None:
    """A token entered instead of an id is not shown in a message."""
    token = "tok" * 13
    for attempt in (
        lambda: connected.connections.show(ADMIN, token),
        lambda: connected.cards.load(VIEWER, [token]),
    ):
        with pytest.raises(NotFound) as refused:
            attempt()
        assert token not in refused.value.message


@pytest.mark.parametrize("name", ["x" * 201, "two\nlines", "\x1b[31mred", "nul\x00"])
def test_a_name_that_cannot_be_shown_is_refused_before_the_check(
    host: MetricsHost, name: str
) -> None:
    """On every store, and before any request is sent."""
    steps: list[StepResult] = []
    with pytest.raises(InputError, match="name of the connection"):
        host.connections.connect(
            ADMIN, "shop", {"api_token": TOKEN}, name=name, on_step=steps.append
        )
    assert host.connections.list(ADMIN) == ()
    assert steps == []
