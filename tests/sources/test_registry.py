"""The registry loads each source once, and isolates it from others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import NotFound, SourceNotUsable
from smaply_metrics_core.hook_markers import CONTRACT_VERSION, ENTRY_POINT_GROUP, hookimpl
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.models.survey import Survey
from smaply_metrics_core.sources import loader
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.loader import contract_mismatch
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_core.sources.source_state import SourceStatus

from .conftest import Acme, AcmeCredentials, FakeClock, Installs, Points

GOOD = """
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.credentials import Credentials, Token
from smaply_metrics_core.models.check import (CheckStep)
from smaply_metrics_core.models.source import (SourceDescription)
from smaply_metrics_core.models.survey import Survey

STEP = CheckStep(name="reach", title="Reach", required=True)

class Mine(Credentials):
    api_token: Token

@hookimpl
def describe_source():
    return SourceDescription(
        id="zz_good", title="Good", contract="0.1", credentials=Mine, checks=(STEP,)
    )

@hookimpl
def destinations():
    return []

@hookimpl
def validate_credentials():
    yield STEP

@hookimpl
def list_surveys():
    yield Survey(id="s1", name="First")

@hookimpl
def list_questions(survey_id): ...

@hookimpl
def fetch_metric(queries):
    yield from ()

@hookimpl
def debug_export(bundle): ...
"""


def test_an_installed_module_is_a_source(install: Installs, later: Deadline) -> None:
    """A distribution with an entry point to a module is found, loaded and used."""
    install("zz-good", points={"zz_good": "zz_good_m"}, module="zz_good_m", code=GOOD)

    source = SourceRegistry().get("zz_good")

    assert (source.title, source.distribution, source.version) == ("Good", "zz-good", "1.0")
    credentials = source.parse({"api_token": "t"})
    with source.session(
        credentials, account="acct", allowed=AllowedDestinations(), deadline=later
    ) as session:
        assert session.surveys() == (Survey(id="s1", name="First"),)
        assert [step.status for step in session.check()] == ["passed"]


def test_a_broken_source_does_not_affect_others(install: Installs) -> None:
    """A source that raises SystemExit on import is broken; another one works."""
    install("zz-good", points={"zz_good": "zz_good_n"}, module="zz_good_n", code=GOOD)
    install("zz-bad", points={"zz_bad": "zz_bad_n"}, module="zz_bad_n", code="raise SystemExit")
    registry = SourceRegistry()

    with pytest.raises(SourceNotUsable, match=r"“zz_bad” \(distribution zz-bad 1\.0\).*SystemExit"):
        registry.get("zz_bad")

    assert registry.get("zz_good").title == "Good"
    found = {state.id: state.state for state in registry.states()}
    assert (found["zz_bad"], found["zz_good"]) == (SourceStatus.BROKEN, SourceStatus.OK)


def test_a_blocked_source_is_not_imported(install: Installs) -> None:
    """A blocked source is not imported, even when all sources are loaded."""
    install("zz-good", points={"zz_good": "zz_good_o"}, module="zz_good_o", code=GOOD)
    registry = SourceRegistry(SourceSettings(blocked=frozenset({"zz_good"})))

    (state,) = (one for one in registry.states(load=True) if one.id == "zz_good")

    assert state.state is SourceStatus.BLOCKED
    assert "zz_good_o" not in sys.modules
    with pytest.raises(SourceNotUsable, match="SMAPLY_METRICS_SOURCES_BLOCKED"):
        registry.get("zz_good")


def test_a_source_for_another_core_is_not_imported(install: Installs) -> None:
    """An incompatible source is detected before its code runs."""
    install(
        "zz-good",
        points={"zz_good": "zz_good_p"},
        requires=["smaply-metrics-core>=99"],
        module="zz_good_p",
        code=GOOD,
    )

    with pytest.raises(SourceNotUsable, match="smaply-metrics-core >=99"):
        SourceRegistry().get("zz_good")
    assert "zz_good_p" not in sys.modules


@pytest.mark.parametrize("declared", ["0.2", "0.0", "1.0"])
def test_a_source_of_another_contract_is_incompatible(install: Installs, declared: str) -> None:
    """A source with another contract version is incompatible, with a reason and a fix."""
    module = f"zz_good_{declared.replace('.', '_')}"
    code = GOOD.replace('contract="0.1"', f'contract="{declared}"')
    install("zz-good", points={"zz_good": module}, module=module, code=code)
    registry = SourceRegistry()

    (state,) = (one for one in registry.states(load=True) if one.id == "zz_good")

    assert state.state is SourceStatus.INCOMPATIBLE
    assert f"version {declared} of the contract" in state.reason
    assert f"has version {CONTRACT_VERSION}. Install compatible versions" in state.reason
    with pytest.raises(SourceNotUsable, match=f"version {declared} of the contract"):
        registry.get("zz_good")


@pytest.mark.parametrize("line", ["", 'contract="1", ', 'contract="", ', "contract=0.1, "])
def test_a_source_without_a_readable_contract_is_broken(install: Installs, line: str) -> None:
    """A source without a contract of the form MAJOR.MINOR is broken, with a reason."""
    module = f"zz_good_undeclared{abs(hash(line))}"
    install(
        "zz-good",
        points={"zz_good": module},
        module=module,
        code=GOOD.replace('contract="0.1", ', line),
    )

    (state,) = (one for one in SourceRegistry().states(load=True) if one.id == "zz_good")

    assert state.state is SourceStatus.BROKEN
    assert "contract" in state.reason


@pytest.mark.parametrize(
    ("declared", "ours", "fits"),
    [
        ("0.1", "0.1", True),
        ("0.1", "0.2", False),
        ("1.0", "1.3", True),
        ("1.3", "1.3", True),
        ("1.4", "1.3", False),
        ("2.0", "1.3", False),
        ("0.9", "1.0", False),
    ],
)
def test_a_contract_is_compatible_by_its_version(
    monkeypatch: pytest.MonkeyPatch, declared: str, ours: str, *, fits: bool
) -> None:
    """Before 1.0, minor versions must be equal; afterwards, earlier ones are compatible."""
    monkeypatch.setattr(loader, "CONTRACT_VERSION", ours)

    assert (contract_mismatch(declared) == "") is fits


def test_the_preferred_source_is_loaded(install: Installs) -> None:
    """Of two distributions with the same id, the one in the setting is loaded."""
    install("zz-good", points={"zz_good": "zz_good_q"}, module="zz_good_q", code=GOOD)
    install("zz-bad", points={"zz_good": "zz_bad_q"}, module="zz_bad_q", code="raise SystemExit")

    with pytest.raises(SourceNotUsable, match="zz-bad and zz-good provide the same ID"):
        SourceRegistry().get("zz_good")
    registry = SourceRegistry(SourceSettings(preferred={"zz_good": "zz-good"}))
    assert registry.get("zz_good").distribution == "zz-good"


def test_the_error_for_an_unknown_id_lists_the_installed_ones(point_to: Points) -> None:
    """The remedy lists the installed sources."""
    points = [point_to(Acme()), point_to(Acme(), name="beta")]

    with pytest.raises(NotFound, match="“gamma”") as caught:
        SourceRegistry(entry_points=lambda: points).get("gamma")
    assert "acme, beta" in caught.value.remedy
    with pytest.raises(NotFound) as caught:
        SourceRegistry(entry_points=list).get("gamma")
    assert "none is installed" in caught.value.remedy


class CountedPoint(EntryPoint):
    """An entry point that counts how often it is loaded."""

    loads: list[int]

    def load(self) -> object:
        """Count the call and load the object."""
        self.loads.append(1)
        return super().load()


def counted(point: EntryPoint, loads: list[int]) -> CountedPoint:
    """Return a copy of an entry point that counts."""
    made = CountedPoint(name=point.name, value=point.value, group=point.group)
    vars(made)["loads"] = loads
    return made


def test_a_source_is_loaded_on_first_use_and_once(point_to: Points) -> None:
    """Concurrent threads get the same source, which is loaded once."""
    loads: list[int] = []
    point = counted(point_to(Acme()), loads)
    registry = SourceRegistry(entry_points=lambda: [point])
    registry.states()
    assert loads == []
    found: list[object] = []

    threads = [
        threading.Thread(target=lambda: found.append(registry.get("acme"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == 8
    assert len({id(source) for source in found}) == 1
    assert loads == [1]


def test_a_broken_source_is_loaded_once(point_to: Points) -> None:
    """A source that failed to load is not loaded again."""
    loads: list[int] = []
    point = counted(point_to(None), loads)
    registry = SourceRegistry(entry_points=lambda: [point])

    for _ in range(2):
        with pytest.raises(SourceNotUsable):
            registry.get("acme")
    registry.states(load=True)

    assert loads == [1]


def test_entry_points_are_listed_once(point_to: Points) -> None:
    """A registry lists the entry points only once."""
    calls: list[int] = []
    point = point_to(Acme())

    def listing() -> Iterator[EntryPoint]:
        calls.append(1)
        yield point

    registry = SourceRegistry(entry_points=listing)
    registry.states()
    registry.get("acme")

    assert calls == [1]


def test_a_call_reaches_only_its_source(
    point_to: Points, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """Each source has its own plugin manager."""
    called: list[str] = []

    class Beta(Acme):
        @hookimpl
        def describe_source(self) -> SourceDescription:
            return super().describe_source().model_copy(update={"id": "beta"})

        @hookimpl
        def list_surveys(self) -> Iterator[Survey]:
            called.append("beta")
            yield from ()

    points = [point_to(Acme()), point_to(Beta(), name="beta")]
    registry = SourceRegistry(entry_points=lambda: points)
    assert registry.get("beta").id == "beta"

    with registry.get("acme").session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        assert len(session.surveys()) == 2

    assert called == []


def test_abandoned_calls_are_listed(
    point_to: Points, credentials: AcmeCredentials, anywhere: AllowedDestinations
) -> None:
    """The host app can list the calls whose threads are still running."""
    clock = FakeClock()
    deadline = Deadline.after(60, clock)
    released = threading.Event()

    class Hangs(Acme):
        @hookimpl
        def destinations(self) -> Iterator[None]:  # type: ignore[override]
            clock.seconds += 60
            released.wait()
            yield

    point = point_to(Hangs())
    registry = SourceRegistry(entry_points=lambda: [point])
    source = registry.get("acme")
    try:
        with (
            pytest.raises(Exception, match="did not answer in time"),
            source.session(credentials, account="acct", allowed=anywhere, deadline=deadline),
        ):
            raise AssertionError
        assert registry.stuck_calls() == ("smaply-source acme destinations",)
        source.wait_for_abandoned_calls(0)
        assert registry.stuck_calls()
    finally:
        released.set()
    source.wait_for_abandoned_calls(60)
    assert not registry.stuck_calls()


def test_a_malformed_entry_point_is_a_broken_source() -> None:
    """A source whose entry point is not an import path is broken."""
    points = [
        EntryPoint(name="acme", value=value, group=ENTRY_POINT_GROUP)
        for value in ("", "1 + 1", "no_such_module:x", "sys:no_such_attribute", "sys:")
    ]

    for point in points:
        (state,) = SourceRegistry(entry_points=lambda one=point: [one]).states(load=True)  # type: ignore[misc]
        assert state.state is SourceStatus.BROKEN
        assert state.reason
