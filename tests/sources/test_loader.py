"""A source that violates the contract is broken after loading, with a reason."""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
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
    """Return a valid source with some attributes replaced."""
    return type("Spoilt", (Acme,), attributes)()


def described(**changes: Any) -> object:  # noqa: ANN401  # Any part of a description.
    """Return a valid source with another description, without validation."""
    fields = Acme().describe_source().model_dump() | {"checks": (REACH,)} | changes
    return spoilt(
        describe_source=hookimpl(lambda self: SourceDescription.model_construct(**fields))
    )


def reason(registry: SourceRegistry) -> str:
    """Return why the only installed source is broken."""
    (state,) = registry.states(load=True)
    assert state.state is SourceStatus.BROKEN
    with pytest.raises(SourceNotUsable) as caught:
        registry.get("acme")
    assert state.reason in caught.value.message
    return state.reason


def test_the_contract_has_seven_hooks_and_three_optional_ones() -> None:
    """Each hook has its arguments; those that not every source can implement are optional."""
    assert tuple(contract()) == (*HOOKS, "recompute_metric", "propose_value", "edit_columns")
    assert set(contract()) - set(HOOKS) == OPTIONAL
    assert contract()["list_questions"] == ("credentials", "context", "survey_id")


def test_an_object_and_a_module_can_be_sources(registry_of: Registers) -> None:
    """A source is an object or a module."""
    module = types.ModuleType("acme_module")
    for hook in HOOKS:
        vars(module)[hook] = getattr(Acme(), hook)

    for thing in (Acme(), module):
        (state,) = registry_of(thing).states(load=True)
        assert (state.state, state.title, state.hooks) == (SourceStatus.OK, "Acme Surveys", HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_missing_hook_is_named(registry_of: Registers, hook: str) -> None:
    """The reason names a missing hook."""
    assert reason(registry_of(spoilt(**{hook: None}))).endswith(f"missing: {hook}.")


@pytest.mark.parametrize("hook", HOOKS)
def test_an_undecorated_hook_is_named(registry_of: Registers, hook: str) -> None:
    """A function with a hook's name that is not marked would never be called."""
    plain = types.FunctionType((lambda self: None).__code__, {})

    assert f"{hook} exists, but is not" in reason(registry_of(spoilt(**{hook: plain})))


def test_a_hook_must_be_a_function(registry_of: Registers) -> None:
    """A property or a partial is not a hook, even of a marked function."""
    marked = Acme.list_surveys
    for thing in (property(marked), functools.partial(marked, Acme())):
        assert "list_surveys exists" in reason(registry_of(spoilt(list_surveys=thing)))


def test_an_unknown_hook_is_rejected_with_a_suggestion(registry_of: Registers) -> None:
    """The reason suggests the most similar hook, or lists all hooks."""
    extra = hookimpl(lambda self: None)
    optional = hookimpl(optionalhook=True)(lambda self: None)

    assert "list_survey is not a hook. Did you mean list_surveys?" in reason(
        registry_of(spoilt(list_survey=extra))
    )
    assert "Did you mean list_surveys?" in reason(registry_of(spoilt(list_survey=optional)))
    assert "frobnicate is not a hook. The hooks are describe_source" in reason(
        registry_of(spoilt(frobnicate=extra))
    )


def test_two_implementations_of_a_hook_are_rejected(registry_of: Registers) -> None:
    """Only one of the two would be called."""
    second = hookimpl(specname="list_surveys")(lambda self: None)

    said = reason(registry_of(spoilt(more_surveys=second)))

    assert "list_surveys is implemented twice" in said
    assert "more_surveys" in said


@pytest.mark.parametrize(
    "mark", [hookimpl(wrapper=True), hookimpl(hookwrapper=True)], ids=["new", "old"]
)
def test_a_hook_wrapper_is_rejected(
    registry_of: Registers, mark: Callable[[Callable[..., object]], object]
) -> None:
    """Each source has its own plugin manager, so there is nothing to wrap."""

    def list_surveys(self: object) -> Iterator[None]:
        yield

    assert "is a hook wrapper" in reason(registry_of(spoilt(list_surveys=mark(list_surveys))))


def test_async_hooks_are_rejected(registry_of: Registers) -> None:
    """Coroutines and async generators would never run."""

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
        (lambda self, credentials, contxt: (), "contxt. Its arguments may be credentials, "),
        (lambda self, survey_id: (), "takes survey_id"),
        (lambda self, *args: (), r"takes *args"),
        (lambda self, **rest: (), r"takes **rest"),
        (lambda self, context=None: (), "context with a default"),
        (lambda self, *, context: (), "context with a default or as keyword-only"),
        (staticmethod(lambda self, context: ()), "takes self"),
    ],
)
def test_invalid_arguments_are_rejected(
    registry_of: Registers, function: Callable[..., object], said: str
) -> None:
    """A hook has only ordinary arguments of its specification; others are never passed."""
    assert said in reason(registry_of(spoilt(list_surveys=hookimpl(function))))


def test_static_and_class_methods_can_be_hooks(registry_of: Registers) -> None:
    """A hook may be an instance, class or static method."""
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
def test_an_entry_point_must_refer_to_a_source(
    registry_of: Registers, thing: object, said: str
) -> None:
    """None, a class, a function or another object is not a source."""
    assert said in reason(registry_of(thing))


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (described(id="other"), "is “other”, but the entry point is “acme”"),
        (described(title=" "), "an empty title"),
        (described(title="A" * 81), "one line of at most 80"),
        (described(title="Acme\x1b[31m"), "one line of at most 80"),
        (described(title=7), "title: Input should be a valid string"),
        (described(checks=()), "no required check"),
        (described(checks=(REACH, REACH)), "two checks with the same name"),
        (
            described(checks=(CheckStep(name="reach", title="Reach", required=False),)),
            "no required check",
        ),
        (described(checks=("reach",)), "checks.0"),
        (described(credentials=BaseModel), "credentials: Input should be a subclass"),
        (described(credentials=Credentials), "must be a subclass"),
        (described(credentials=AcmeCredentials()), "credentials"),
        (described(limits=({"method": "GET", "path": "(", "per_minute": 1},)), "not a regular"),
        (described(limits=({"method": "GET", "path": "/", "per_minute": 0},)), "per_minute"),
        (spoilt(describe_source=hookimpl(lambda self: {"id": "acme"})), "returned dict instead of"),
        (spoilt(describe_source=hookimpl(lambda self: None)), "returned NoneType instead of"),
        (spoilt(describe_source=hookimpl(lambda self: 1 // 0)), "failed: ZeroDivisionError"),
    ],
)
def test_an_invalid_description_is_rejected(
    registry_of: Registers, thing: object, said: str
) -> None:
    """A description is validated even if it was created without validation."""
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
    token: "NowhereDefined"  # type: ignore[name-defined]  # noqa: F821, UP037  # Deliberately unresolved.


@pytest.mark.parametrize("model", [_Nested, _Optional, _Listed])
def test_a_secret_inside_another_type_is_rejected(
    registry_of: Registers, model: type[Credentials]
) -> None:
    """Forms and the encryption only recognise fields that are secrets themselves."""
    assert "has a secret inside another type" in reason(registry_of(described(credentials=model)))


def test_an_unresolved_credentials_model_is_rejected(registry_of: Registers) -> None:
    """A model with an annotation that cannot be resolved is rejected."""
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
def test_a_failed_import_is_reported(install: Installs, code: str, said: str) -> None:
    """The reason has the exception of the import, and other sources are not affected."""
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
    """A source whose import never ends is broken; its thread is listed until it ends."""

    class Hangs:
        def __dir__(self) -> list[str]:
            released.wait()
            return []

    registry = registry_of(Hangs(), load_seconds=0.2)

    assert "did not answer in time (import)" in reason(registry)
    assert registry.stuck_calls() == ("smaply-source acme import",)


class Hostile:
    """An object whose every operation raises."""

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

    @property  # type: ignore[misc]  # Read-only, unlike the attribute of ``object``.
    def __class__(self) -> type:
        return SourceDescription


class HostileDir(Hostile):
    """A hostile object whose ``__dir__`` raises as well."""

    def __dir__(self) -> list[str]:
        raise GeneratorExit


def gives(value: object) -> Callable[[object], object]:
    """Return a marked function that returns a value."""
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


@given(thing=things)
def test_any_object_of_an_entry_point_has_a_state(thing: object) -> None:
    """With any object, the source is ok, or broken with a reason."""

    class Point:
        name, value, group, dist = "acme", "acme:source", ENTRY_POINT_GROUP, None

        def load(self) -> object:
            return thing

    (state,) = SourceRegistry(entry_points=lambda: [Point()]).states(load=True)  # type: ignore[list-item]  # Stands in for an entry point.

    assert (state.state is SourceStatus.OK) is (state.reason == "")


def test_hooks_may_omit_arguments(registry_of: Registers) -> None:
    """A hook has only the arguments that it uses."""

    class Modest(Acme):
        @hookimpl
        def fetch_metric(self, context: SourceContext) -> Iterator[Any]:  # type: ignore[override]
            yield from ()

    assert registry_of(Modest()).states(load=True)[0].state is SourceStatus.OK
