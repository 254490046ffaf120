"""A source that does not keep the contract is refused when it is loaded, with the reason."""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import SourceNotUsable
from smaply_metrics_core.hook_markers import ENTRY_POINT_GROUP, hookimpl
from smaply_metrics_core.hookspecs import OPTIONAL
from smaply_metrics_core.models.check import CheckStep
from smaply_metrics_core.models.credentials import Credentials, Token
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.models.survey import Survey
from smaply_metrics_core.sources.loader import contract
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source_state import SourceStatus

from .conftest import REACH, Acme, AcmeCredentials, Installs, Registers

HOOKS = (
    "describe_source",
    "destinations",
    "validate_credentials",
    "list_surveys",
    "list_questions",
    "fetch_metric",
    "debug_export",
)


def spoilt(**attributes: object) -> object:
    """A good source with some of its attributes replaced."""
    return type("Spoilt", (Acme,), attributes)()


def described(**changes: Any) -> object:  # noqa: ANN401  # Any part of a description.
    """A good source that describes itself in another way, past the rules of the model."""
    fields = Acme().describe_source().model_dump() | {"checks": (REACH,)} | changes
    return spoilt(
        describe_source=hookimpl(lambda self: SourceDescription.model_construct(**fields))
    )


def reason(registry: SourceRegistry) -> str:
    """Why the one installed source is broken."""
    (state,) = registry.states(load=True)
    assert state.state is SourceStatus.BROKEN
    with pytest.raises(SourceNotUsable) as caught:
        registry.get("acme")
    assert state.reason in caught.value.message
    return state.reason


def test_the_contract_is_seven_hooks_and_one_that_may_be_left_out() -> None:
    """Each hook has the arguments that it may take; only recomputing is optional."""
    assert tuple(contract()) == (*HOOKS, *OPTIONAL) == (*HOOKS, "recompute_metric")
    assert contract()["list_questions"] == ("credentials", "context", "survey_id")


def test_an_object_and_a_module_can_be_sources(registry_of: Registers) -> None:
    """A source is an object or a module; both show what they implement."""
    module = types.ModuleType("acme_module")
    for hook in HOOKS:
        vars(module)[hook] = getattr(Acme(), hook)

    for thing in (Acme(), module):
        (state,) = registry_of(thing).states(load=True)
        assert (state.state, state.title, state.hooks) == (SourceStatus.OK, "Acme Surveys", HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_missing_hook_is_named(registry_of: Registers, hook: str) -> None:
    """A source that lacks a hook is refused."""
    assert reason(registry_of(spoilt(**{hook: None}))).endswith(f"missing: {hook}.")


@pytest.mark.parametrize("hook", HOOKS)
def test_an_undecorated_hook_is_named(registry_of: Registers, hook: str) -> None:
    """A function that carries a hook's name without the mark would never be called."""
    plain = types.FunctionType((lambda self: None).__code__, {})

    assert f"{hook} is there, but is not" in reason(registry_of(spoilt(**{hook: plain})))


def test_a_hook_that_is_no_function_is_refused(registry_of: Registers) -> None:
    """A property or a partial is no hook, even around a marked function."""
    marked = Acme.list_surveys
    for thing in (property(marked), functools.partial(marked, Acme())):
        assert "list_surveys is there" in reason(registry_of(spoilt(list_surveys=thing)))


def test_a_misspelt_hook_is_refused_with_what_was_meant(registry_of: Registers) -> None:
    """A marked function that is no hook names the one it is close to, or all there are."""
    extra = hookimpl(lambda self: None)
    optional = hookimpl(optionalhook=True)(lambda self: None)

    assert "list_survey is no hook: did you mean list_surveys?" in reason(
        registry_of(spoilt(list_survey=extra))
    )
    assert "did you mean list_surveys?" in reason(registry_of(spoilt(list_survey=optional)))
    assert "frobnicate is no hook: there are describe_source" in reason(
        registry_of(spoilt(frobnicate=extra))
    )


def test_two_implementations_of_a_hook_are_refused(registry_of: Registers) -> None:
    """Only one of them would be called."""
    second = hookimpl(specname="list_surveys")(lambda self: None)

    said = reason(registry_of(spoilt(more_surveys=second)))

    assert "list_surveys is implemented twice" in said
    assert "more_surveys" in said


@pytest.mark.parametrize(
    "mark", [hookimpl(wrapper=True), hookimpl(hookwrapper=True)], ids=["new", "old"]
)
def test_a_wrapper_is_refused(
    registry_of: Registers, mark: Callable[[Callable[..., object]], object]
) -> None:
    """A source has nobody to wrap."""

    def list_surveys(self: object) -> Iterator[None]:
        yield

    assert "is a wrapper" in reason(registry_of(spoilt(list_surveys=mark(list_surveys))))


def test_async_hooks_are_refused(registry_of: Registers) -> None:
    """Nobody would await a coroutine or step through an async generator."""

    async def list_questions(self: object, survey_id: str) -> None: ...

    async def list_surveys(self: object) -> AsyncIterator[Survey]:
        yield Survey(id="s", name="S")

    assert "list_questions is async" in reason(
        registry_of(spoilt(list_questions=hookimpl(list_questions)))
    )
    assert "list_surveys is async" in reason(
        registry_of(spoilt(list_surveys=hookimpl(list_surveys)))
    )


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda self, credentials, contxt: (), "takes contxt: it may take credentials, context."),
        (lambda self, survey_id: (), "takes survey_id"),
        (lambda self, *args: (), r"takes *args"),
        (lambda self, **rest: (), r"takes **rest"),
        (lambda self, context=None: (), "context with a default"),
        (lambda self, *, context: (), "context with a default or after *"),
        (staticmethod(lambda self, context: ()), "takes self"),
    ],
)
def test_wrong_arguments_are_refused(
    registry_of: Registers, function: Callable[..., object], said: str
) -> None:
    """A hook takes only arguments of its own, as ordinary ones: others would never be filled."""
    assert said in reason(registry_of(spoilt(list_surveys=hookimpl(function))))


def test_static_and_class_methods_can_be_hooks(registry_of: Registers) -> None:
    """What a method is bound to makes no difference."""
    thing = spoilt(
        list_surveys=staticmethod(hookimpl(lambda context: iter(()))),
        destinations=classmethod(hookimpl(lambda cls, credentials: ())),
    )

    assert registry_of(thing).states(load=True)[0].state is SourceStatus.OK


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (None, "is None"),
        (Acme, "is a class"),
        (object(), "hooks are missing: describe_source, destinations"),
        ("text", "hooks are missing"),
        (spoilt, "hooks are missing"),
    ],
)
def test_an_entry_point_has_to_give_a_source(
    registry_of: Registers, thing: object, said: str
) -> None:
    """None, a class, a function and whatever else is no source are refused."""
    assert said in reason(registry_of(thing))


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (described(id="other"), "says its id is “other”, its entry point says “acme”"),
        (described(title=" "), "no title"),
        (described(title="A" * 81), "a title that no list can show"),
        (described(title="Acme\x1b[31m"), "a title that no list can show"),
        (described(title=7), "title: Input should be a valid string"),
        (described(checks=()), "no required check"),
        (described(checks=(REACH, REACH)), "names a check twice"),
        (
            described(checks=(CheckStep(name="reach", title="Reach", required=False),)),
            "no required check",
        ),
        (described(checks=("reach",)), "checks.0"),
        (described(credentials=BaseModel), "credentials: Input should be a subclass"),
        (described(credentials=Credentials), "has to be a subclass"),
        (described(credentials=AcmeCredentials()), "credentials"),
        (described(limits=({"method": "GET", "path": "(", "per_minute": 1},)), "no regular"),
        (described(limits=({"method": "GET", "path": "/", "per_minute": 0},)), "per_minute"),
        (spoilt(describe_source=hookimpl(lambda self: {"id": "acme"})), "gave dict in place of"),
        (spoilt(describe_source=hookimpl(lambda self: None)), "gave NoneType in place of"),
        (spoilt(describe_source=hookimpl(lambda self: 1 // 0)), "failed: ZeroDivisionError"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    registry_of: Registers, thing: object, said: str
) -> None:
    """A description is checked in every part, however it was made."""
    assert said in reason(registry_of(thing))


class _Inner(BaseModel):
    key: SecretStr


class _Nested(Credentials):
    inner: _Inner


class _Optional(Credentials):
    token: SecretStr | None = None


class _Listed(Credentials):
    tokens: tuple[Token, ...] = ()


class _Unfinished(Credentials):
    token: "NowhereDefined"  # type: ignore[name-defined]  # noqa: F821, UP037  # The point of it.


@pytest.mark.parametrize("model", [_Nested, _Optional, _Listed])
def test_a_secret_that_a_form_would_show_is_refused(
    registry_of: Registers, model: type[Credentials]
) -> None:
    """A secret within another type is none for forms and vaults, so such a model is refused."""
    assert "wraps a secret in another type" in reason(registry_of(described(credentials=model)))


def test_a_credentials_model_that_cannot_be_read_is_refused(registry_of: Registers) -> None:
    """A model with an annotation that nothing resolves is refused."""
    assert "NowhereDefined" in reason(registry_of(described(credentials=_Unfinished)))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys; sys.exit()", "SystemExit"),
        ("class Panic(BaseException): pass\nraise Panic('oh')", "Panic: oh"),
        ("raise ImportError('no such library')", "ImportError: no such library"),
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("raise KeyboardInterrupt", "failed: KeyboardInterrupt (in"),
        ("def f(: pass", "SyntaxError"),
        ("raise ExceptionGroup('many', [ValueError('x')])", "ExceptionGroup: many"),
        ("def f(): f()\nf()", "RecursionError"),
        ("class E(Exception):\n def __str__(self): raise SystemExit\nraise E", "failed: E (in"),
        ("source = None", "is None"),
        ("", "AttributeError"),
    ],
)
def test_an_import_that_fails_is_told(install: Installs, code: str, said: str) -> None:
    """Whatever an import raises is the reason, and the other sources go on."""
    install("zz-bad", points={"zz_bad": "zz_bad:source"}, module="zz_bad", code=code)
    install("zz-odd", points={"zz_odd": "no dots: at all"})
    sys.modules.pop("zz_bad", None)

    found = {state.id: state for state in SourceRegistry().states(load=True)}

    assert found["zz_bad"].state is SourceStatus.BROKEN
    assert said in found["zz_bad"].reason
    assert found["zz_odd"].state is SourceStatus.BROKEN


def test_a_hanging_import_ends_at_its_deadline(
    registry_of: Registers, released: threading.Event
) -> None:
    """An import that never ends makes a broken source, and is counted until it does end."""

    class Hangs:
        def __dir__(self) -> list[str]:
            released.wait()
            return []

    registry = registry_of(Hangs(), load_seconds=0.2)

    assert "did not answer in time (import)" in reason(registry)
    assert registry.stuck_calls() == ("smaply-source acme import",)


class Hostile:
    """Answers to everything, and badly."""

    def __getattr__(self, name: str) -> object:
        raise SystemExit(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __bool__(self) -> bool:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError

    @property  # type: ignore[misc]  # Read-only, since it is a lie.
    def __class__(self) -> type:
        return SourceDescription


class HostileDir(Hostile):
    """Does not even say what it has."""

    def __dir__(self) -> list[str]:
        raise GeneratorExit


def gives(value: object) -> Callable[[object], object]:
    """A marked function that gives a value."""
    return hookimpl(lambda _: value)


values = st.one_of(
    st.none(),
    st.integers(),
    st.text(),
    st.binary(),
    st.lists(st.integers()),
    st.builds(Hostile),
    st.builds(HostileDir),
    st.just(Hostile),
    st.just(len),
    st.just(Survey(id="s", name="S")),
    st.integers().map(gives),
    st.builds(Hostile).map(gives),
)
things = st.one_of(
    values,
    st.dictionaries(st.sampled_from([*HOOKS, "list_survey", "__doc__"]), values).map(
        lambda attributes: spoilt(**attributes)
    ),
    st.dictionaries(st.sampled_from(HOOKS), values).map(
        lambda attributes: types.SimpleNamespace(**attributes)
    ),
)


@settings(deadline=None)
@given(thing=things)
def test_whatever_an_entry_point_gives_states_are_told(thing: object) -> None:
    """No object makes the list of states fail: it is ok, or broken with a reason."""

    class Point:
        name, value, group, dist = "acme", "acme:source", ENTRY_POINT_GROUP, None

        def load(self) -> object:
            return thing

    (state,) = SourceRegistry(entry_points=lambda: [Point()]).states(load=True)  # type: ignore[list-item]  # Stands in for an entry point.

    assert (state.state is SourceStatus.OK) is (state.reason == "")


def test_hooks_may_leave_out_arguments(registry_of: Registers) -> None:
    """A hook that uses none of its arguments names none."""

    class Modest(Acme):
        @hookimpl
        def fetch_metric(self, context: SourceContext) -> Iterator[Any]:  # type: ignore[override]
            yield from ()

    assert registry_of(Modest()).states(load=True)[0].state is SourceStatus.OK
