"""A session with a source: what it is handed, and that nothing stays when it is over."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline, SourceContext
from smaply_metrics_core.errors import (
    DestinationRefused,
    InputError,
    MetricsError,
    PluginError,
    RateLimited,
)
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.http import Exchange, RateLimiter
from smaply_metrics_core.models.source import Destination, RequestLimit, SourceDescription
from smaply_metrics_core.models.survey import Survey
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source import Source

from .conftest import (
    TOKEN,
    Acme,
    AcmeCredentials,
    FakeClock,
    Gets,
    Opens,
    Points,
    ask,
    construct,
    error_in,
)


def test_a_source_says_what_it_is(get: Gets) -> None:
    """Id, title and the description are there without credentials."""
    source = get(Acme())

    assert (source.id, source.title) == ("acme", "Acme Surveys")
    assert source.description.credentials is AcmeCredentials
    assert source.distribution == "unknown"


def test_everything_can_be_asked_in_one_session(opened: Opens) -> None:
    """Surveys, questions, tallies and the debug export come back as the source gave them."""
    bundle: list[str] = []
    with opened() as session:
        assert [survey.id for survey in session.surveys()] == ["s1", "s2"]
        assert session.questions("s1").question("q1").text == "How was it?"
        answers = session.fetch("s1", [ask("a"), ask("b")])
        session.debug_export("s1", bundle)  # type: ignore[arg-type]  # What the source writes to.
        assert [one.host for one in session.destinations] == ["api.acme.com"]

    assert list(answers) == ["a", "b"]
    assert all(isinstance(answer, Tally) for answer in answers.values())
    assert bundle == ["raw responses of s1"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_hook_that_ends_the_program_only_fails(opened: Opens, error: type[BaseException]) -> None:
    """What only the user or the host may do is the plugin's error when a plugin does it."""

    def list_surveys(self: object) -> Iterator[Survey]:
        yield Survey(id="s1", name="First")
        raise error

    with opened(list_surveys=list_surveys) as session:
        told = error_in(session.surveys)
        assert session.questions("s1").question("q1").text == "How was it?"

    assert type(told) is PluginError
    assert error.__name__ in told.message


def test_hooks_are_handed_a_private_folder_that_goes(opened: Opens) -> None:
    """The folder is this user's alone, and is gone after the session, locked parts too."""
    seen: list[Path] = []

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        seen.append(context.folder)
        assert stat.S_IMODE(context.folder.stat().st_mode) == 0o700
        (context.folder / "locked" / "deep").mkdir(parents=True)
        (context.folder / "locked" / "deep" / "file").write_text("x")
        (context.folder / "locked").chmod(0)
        yield Survey(id="s1", name="First")

    with opened(list_surveys=list_surveys) as session:
        session.surveys()
        assert seen[0].is_dir()

    assert not seen[0].exists()


def test_the_folder_goes_when_the_caller_fails(opened: Opens) -> None:
    """Whatever ends the block, the folder is removed."""
    seen: list[Path] = []

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        seen.append(context.folder)
        yield from ()

    def use() -> None:
        with opened(list_surveys=list_surveys) as session:
            session.surveys()
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert not seen[0].exists()


def test_after_the_session_nothing_can_be_asked(opened: Opens) -> None:
    """A session that is over, and the client it gave, are of no more use."""
    clients: list[httpx.Client] = []

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        clients.append(context.http)
        yield from ()

    with opened(list_surveys=list_surveys) as session:
        session.surveys()

    assert clients[0].is_closed
    assert "over" in error_in(session.surveys).message


def test_the_client_reaches_the_destinations_and_no_other(
    point_to: Points, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """The HTTP client is held to the credentials' host, and each exchange is told."""
    exchanges: list[Exchange] = []
    reached: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        reached.append(request.url.host)
        return httpx.Response(200, json={})

    class Curious(Acme):
        @hookimpl
        def list_surveys(self, context: SourceContext) -> Iterator[Survey]:  # type: ignore[override]
            context.http.get("https://api.acme.com/surveys")
            yield Survey(id="s1", name="First")
            context.http.get("https://evil.example.org/")

    point = point_to(Curious())
    registry = SourceRegistry(
        entry_points=lambda: [point], transport_factory=lambda: httpx.MockTransport(answer)
    )
    with registry.get("acme").session(
        credentials, account="acct", allowed=anywhere, deadline=later, exchange=exchanges.append
    ) as session:
        error = error_in(session.surveys)

    assert isinstance(error, MetricsError)
    assert reached == ["api.acme.com"]
    assert exchanges[0].path == "/surveys"


@pytest.mark.parametrize("shared", [True, False])
def test_request_limits_are_kept(
    point_to: Points,
    credentials: AcmeCredentials,
    anywhere: AllowedDestinations,
    clock: FakeClock,
    *,
    shared: bool,
) -> None:
    """The limits that a source declares hold, over all sessions that share a budget."""
    limit = RequestLimit(method="GET", path="/.*", per_minute=1)

    class Limited(Acme):
        @hookimpl
        def describe_source(self) -> SourceDescription:
            return super().describe_source().model_copy(update={"limits": (limit,)})

        @hookimpl
        def list_surveys(self, context: SourceContext) -> Iterator[Survey]:  # type: ignore[override]
            context.http.get("https://api.acme.com/surveys")
            yield from ()

    point = point_to(Limited())
    registry = SourceRegistry(
        clock=clock,
        entry_points=lambda: [point],
        transport_factory=lambda: httpx.MockTransport(lambda _: httpx.Response(200)),
    )
    rate_limiter = RateLimiter([limit], clock) if shared else None

    def list_twice() -> None:
        for times in (1, 1) if shared else (2,):
            with registry.get("acme").session(
                credentials,
                account="acct",
                allowed=anywhere,
                deadline=Deadline.after(30, clock),
                rate_limiter=rate_limiter,
            ) as session:
                for _ in range(times):
                    session.surveys()

    with pytest.raises(RateLimited):
        list_twice()


def test_without_a_call_no_client_is_made(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """Opening a session costs no HTTP client."""
    with get(Acme()).session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        assert session._context is None  # noqa: SLF001  # Nothing else would show it.


def test_progress_is_told_without_secrets(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """The host hears how far a hook is; its own mistakes there do not disturb the source."""
    told: list[tuple[float, float | None, str]] = []

    class Tells(Acme):
        @hookimpl
        def list_surveys(self, context: SourceContext) -> Iterator[Survey]:  # type: ignore[override]
            context.progress(1, None, f"with {TOKEN}")
            context.progress(2.5, 5, "pages")
            yield from ()

    def hear(done: float, total: float | None, what: str) -> None:
        told.append((done, total, what))
        raise ZeroDivisionError

    with get(Tells()).session(
        credentials, account="acct", allowed=anywhere, deadline=later, progress=hear
    ) as session:
        session.surveys()

    assert told == [(1, None, "with ••••"), (2.5, 5, "pages")]


def test_progress_needs_no_listener(opened: Opens) -> None:
    """A source may tell how far it is when nobody wants to know."""

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        context.progress(1, 2, "pages")
        yield Survey(id="s1", name="First")

    with opened(list_surveys=list_surveys) as session:
        assert len(session.surveys()) == 1


@pytest.mark.parametrize(
    "progress", [("1", None, "x"), (1, "2", "x"), (float("nan"), None, "x"), (1, 2, None)]
)
def test_progress_that_makes_no_sense_is_the_plugins_error(
    opened: Opens, progress: tuple[Any, Any, Any]
) -> None:
    """A host can rely on numbers and a text."""

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        context.progress(*progress)
        yield from ()

    with opened(list_surveys=list_surveys) as session:
        assert "progress takes" in error_in(session.surveys).message


def test_destinations_are_refused_before_anything_else_is_called(
    get: Gets, later: Deadline, anywhere: AllowedDestinations
) -> None:
    """Credentials that lead to a place that is not allowed open no session."""
    credentials = AcmeCredentials(api_token=SecretStr(TOKEN), host="169.254.169.254")

    with (
        pytest.raises(DestinationRefused),
        get(Acme()).session(credentials, account="acct", allowed=anywhere, deadline=later),
    ):
        raise AssertionError


def test_a_folder_is_handed_with_its_links_resolved(
    get: Gets, credentials: AcmeCredentials, later: Deadline, tmp_path: Path
) -> None:
    """A source without HTTP is handed the real folder below the account's."""
    (tmp_path / "real" / "csv").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    class Reads(Acme):
        @hookimpl
        def destinations(self) -> Sequence[Destination]:  # type: ignore[override]
            return (Destination(kind="folder", folder=Path("csv")),)

        @hookimpl
        def list_surveys(self, context: SourceContext) -> Iterator[Survey]:  # type: ignore[override]
            yield Survey(id=str(context.destinations[0].folder), name="Folder")

    allowed = AllowedDestinations(folders={"acct": tmp_path / "link"})
    with get(Reads()).session(
        credentials, account="acct", allowed=allowed, deadline=later
    ) as session:
        assert session.surveys()[0].id == str((tmp_path / "real" / "csv").resolve())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda self: None, "gave NoneType, not an iterator"),
        (lambda self: "api.acme.com", "gave str, not an iterator"),
        (lambda self: ["api.acme.com"], "gave str in place of Destination"),
        (lambda self: [Destination(kind="host", host="a.com")] * 21, "more than 20 items"),
        (lambda self: [construct(Destination, kind="disk")], "kind"),
        (lambda self, credentials: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_destinations_that_are_none_open_no_session(
    opened: Opens, given: Callable[..., object], said: str
) -> None:
    """What is not a short list of destinations is the plugin's error."""

    def use() -> None:
        with opened(destinations=given):
            raise AssertionError

    assert said in error_in(use).message


def test_credentials_of_another_source_open_no_session(
    get: Gets, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """A source never sees credentials that are not of its own model."""

    class Other(AcmeCredentials):
        pass

    other = Other(api_token=SecretStr(TOKEN))

    with (
        pytest.raises(InputError, match="not for the source"),
        get(Acme()).session(other, account="acct", allowed=anywhere, deadline=later),
    ):
        raise AssertionError


def test_a_debug_export_that_yields_is_refused(opened: Opens) -> None:
    """A generator in place of a function would have written nothing."""

    def debug_export(self: object) -> Iterator[None]:
        yield

    with opened(debug_export=debug_export) as session:
        error = error_in(lambda: session.debug_export("s1", []))  # type: ignore[arg-type]

    assert "gave generator, but has nothing to give" in error.message


def test_threads_share_a_session(opened: Opens) -> None:
    """Calls from several threads at once get one context and their own answers."""
    contexts: list[SourceContext] = []
    together = threading.Barrier(4)

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        contexts.append(context)
        together.wait(60)
        yield Survey(id="s1", name="First")

    with opened(list_surveys=list_surveys) as session:
        threads = [threading.Thread(target=session.surveys) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert len(contexts) == 4
    assert len({id(context) for context in contexts}) == 1


def test_a_session_shows_no_secret(opened: Opens, get: Gets) -> None:
    """Printing a session, or what it works with, tells no token."""
    source: Source = get(Acme())
    with opened() as session:
        assert TOKEN not in f"{session!r} {vars(session)!r} {source!r}"
