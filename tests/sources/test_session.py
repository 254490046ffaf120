"""Sessions with a source: the context of hooks, and the cleanup."""

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


def test_a_source_has_a_description(get: Gets) -> None:
    """Id, title and description are available without credentials."""
    source = get(Acme())

    assert (source.id, source.title) == ("acme", "Acme Surveys")
    assert source.description.credentials is AcmeCredentials
    assert source.distribution == "unknown"


def test_all_hooks_can_be_called_in_one_session(opened: Opens) -> None:
    """Surveys, questions, tallies and the debug export are returned unchanged."""
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
def test_a_hook_cannot_end_the_process(opened: Opens, error: type[BaseException]) -> None:
    """SystemExit and KeyboardInterrupt of a plugin are plugin errors."""

    def list_surveys(self: object) -> Iterator[Survey]:
        yield Survey(id="s1", name="First")
        raise error

    with opened(list_surveys=list_surveys) as session:
        raised = error_in(session.surveys)
        assert session.questions("s1").question("q1").text == "How was it?"

    assert type(raised) is PluginError
    assert error.__name__ in raised.message


def test_hooks_get_a_private_temporary_folder(opened: Opens) -> None:
    """The folder has mode 0700 and is removed after the session, even without permissions."""
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


def test_the_folder_is_removed_when_the_caller_fails(opened: Opens) -> None:
    """An exception in the ``with`` block does not prevent the cleanup."""
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


def test_a_closed_session_cannot_be_used(opened: Opens) -> None:
    """A closed session raises, and its HTTP client is closed."""
    clients: list[httpx.Client] = []

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        clients.append(context.http)
        yield from ()

    with opened(list_surveys=list_surveys) as session:
        session.surveys()

    assert clients[0].is_closed
    assert "closed" in error_in(session.surveys).message


def test_the_client_connects_only_to_the_destinations(
    point_to: Points, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """Requests to other hosts are rejected, and each exchange is reported."""
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
def test_request_limits_are_applied(
    point_to: Points,
    credentials: AcmeCredentials,
    anywhere: AllowedDestinations,
    clock: FakeClock,
    *,
    shared: bool,
) -> None:
    """The limits of a source apply to all sessions with the same rate limiter."""
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


def test_the_client_is_created_on_the_first_call(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """Opening a session does not create an HTTP client."""
    with get(Acme()).session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        assert session._context is None  # noqa: SLF001  # Nothing else would show it.


def test_progress_is_reported_without_secrets(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """The host app gets the progress of a hook; an error of its callback does not fail the hook."""
    reported: list[tuple[float, float | None, str]] = []

    class Tells(Acme):
        @hookimpl
        def list_surveys(self, context: SourceContext) -> Iterator[Survey]:  # type: ignore[override]
            context.progress(1, None, f"with {TOKEN}")
            context.progress(2.5, 5, "pages")
            yield from ()

    def report(done: float, total: float | None, what: str) -> None:
        reported.append((done, total, what))
        raise ZeroDivisionError

    with get(Tells()).session(
        credentials, account="acct", allowed=anywhere, deadline=later, progress=report
    ) as session:
        session.surveys()

    assert reported == [(1, None, "with ••••"), (2.5, 5, "pages")]


def test_progress_does_not_require_a_callback(opened: Opens) -> None:
    """A source may report progress in a session without a callback."""

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        context.progress(1, 2, "pages")
        yield Survey(id="s1", name="First")

    with opened(list_surveys=list_surveys) as session:
        assert len(session.surveys()) == 1


@pytest.mark.parametrize(
    "progress", [("1", None, "x"), (1, "2", "x"), (float("nan"), None, "x"), (1, 2, None)]
)
def test_invalid_progress_is_a_plugin_error(opened: Opens, progress: tuple[Any, Any, Any]) -> None:
    """Progress is two finite numbers and a text."""

    def list_surveys(self: object, context: SourceContext) -> Iterator[Survey]:
        context.progress(*progress)
        yield from ()

    with opened(list_surveys=list_surveys) as session:
        assert "progress takes" in error_in(session.surveys).message


def test_destinations_are_checked_before_other_hooks_are_called(
    get: Gets, later: Deadline, anywhere: AllowedDestinations
) -> None:
    """A destination that is not allowed prevents the session."""
    credentials = AcmeCredentials(api_token=SecretStr(TOKEN), host="169.254.169.254")

    with (
        pytest.raises(DestinationRefused),
        get(Acme()).session(credentials, account="acct", allowed=anywhere, deadline=later),
    ):
        raise AssertionError


def test_symbolic_links_in_folders_are_resolved(
    get: Gets, credentials: AcmeCredentials, later: Deadline, tmp_path: Path
) -> None:
    """A source gets the resolved path of a folder in the folder of the account."""
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
        (lambda self: None, "returned NoneType instead of an iterator"),
        (lambda self: "api.acme.com", "returned str instead of an iterator"),
        (lambda self: ["api.acme.com"], "returned str instead of Destination"),
        (lambda self: [Destination(kind="host", host="a.com")] * 21, "more than 20 items"),
        (lambda self: [construct(Destination, kind="disk")], "kind"),
        (lambda self, credentials: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_invalid_destinations_are_a_plugin_error(
    opened: Opens, given: Callable[..., object], said: str
) -> None:
    """Anything but a short list of destinations prevents the session."""

    def use() -> None:
        with opened(destinations=given):
            raise AssertionError

    assert said in error_in(use).message


def test_credentials_of_another_source_are_rejected(
    get: Gets, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """A source only gets credentials of its own model."""

    class Other(AcmeCredentials):
        pass

    other = Other(api_token=SecretStr(TOKEN))

    with (
        pytest.raises(InputError, match="not for the source"),
        get(Acme()).session(other, account="acct", allowed=anywhere, deadline=later),
    ):
        raise AssertionError


def test_a_debug_export_that_yields_is_rejected(opened: Opens) -> None:
    """A generator function does not write anything when it is called."""

    def debug_export(self: object) -> Iterator[None]:
        yield

    with opened(debug_export=debug_export) as session:
        error = error_in(lambda: session.debug_export("s1", []))  # type: ignore[arg-type]

    assert "returned generator instead of None" in error.message


def test_threads_share_a_session(opened: Opens) -> None:
    """Concurrent calls get the same context."""
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
    """The reprs of sessions and sources do not contain the token."""
    source: Source = get(Acme())
    with opened() as session:
        assert TOKEN not in f"{session!r} {vars(session)!r} {source!r}"
