"""The public modules: their exports, and the module names and type hints of the exports."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import pkgutil
import re
import types
import typing
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, ForwardRef

import pytest

import smaply_metrics_core
from smaply_metrics_core import CredentialRefused, Definition, RateLimited, Survey, hookspecs
from smaply_metrics_core.public_names import PUBLIC_MODULES
from tests.structure.public_names import EXPORTS

OURS = "smaply_metrics_core"
CONTRACT = "SourceContract"
"""A class whose fields authors set, and whose methods are tests that pytest calls."""

MADE_BY_THE_CORE = {
    *("AsyncAccounts", "AsyncAuditTrail", "AsyncCards", "AsyncConnections", "AsyncDebugBundles"),
    *("AsyncKeys", "AsyncMetrics", "AsyncSources", "AsyncSurveyCatalog", "Keys"),
    *("Accounts", "AuditTrail", "Cards", "Connections", "DebugBundles", "Metrics", "SurveyCatalog"),
    *("AsyncChosenSurveys", "AsyncHealth", "ChosenSurveys", "ConnectionForms", "Health"),
    *("AsyncEnteredValues", "EnteredValues"),
    *("AsyncEvents", "EventSubscription", "Events"),
    *("Source", "SourceSession", "Worker"),
}
"""Classes whose objects users receive; they never call the constructors."""


def exported(public_module: str) -> dict[str, Any]:
    """Return the public objects of a public module by name."""
    module = importlib.import_module(public_module)
    return {name: getattr(module, name) for name in module.__all__}


def everything() -> dict[str, dict[str, Any]]:
    """Return the public objects of all public modules, by module and name."""
    return {public_module: exported(public_module) for public_module in PUBLIC_MODULES}


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_the_exports_are_pinned(public_module: str) -> None:
    """The public names are the pinned ones; change them in the changelog and the docs, too."""
    module = importlib.import_module(public_module)

    assert sorted(module.__all__) == sorted(EXPORTS[public_module].split())
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_the_stub_lists_what_can_be_imported(public_module: str) -> None:
    """Type checkers read the stub, and programs the module: both have the same names."""
    module = importlib.import_module(public_module)
    stub = ast.parse(Path(str(module.__file__)).with_suffix(".pyi").read_text(encoding="utf-8"))
    (listed,) = [
        ast.literal_eval(statement.value)
        for statement in stub.body
        if isinstance(statement, ast.Assign)
    ]
    assert sorted(listed) == module.__all__


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_no_export_has_the_name_of_a_module(public_module: str) -> None:
    """Importing a submodule sets its name in the package, which would hide the export."""
    module = importlib.import_module(public_module)
    submodules = {one.name for one in pkgutil.iter_modules(module.__path__)}
    assert submodules & set(module.__all__) == set()


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_a_public_object_shows_the_module_to_import_it_from(public_module: str) -> None:
    """``__module__`` is the first public module that exports the object."""
    public_objects = everything()
    wrong = {}
    for name, thing in public_objects[public_module].items():
        if isinstance(thing, type | FunctionType) and thing.__module__.startswith(OURS):
            first = next(one for one in PUBLIC_MODULES if public_objects[one].get(name) is thing)
            if thing.__module__ != first:
                wrong[name] = thing.__module__

    assert wrong == {}


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_public_classes_and_functions_have_docstrings(public_module: str) -> None:
    """Every public class and function has a docstring."""
    missing = [
        name
        for name, thing in exported(public_module).items()
        if isinstance(thing, type | FunctionType) and not inspect.getdoc(thing)
    ]

    assert missing == []


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_members_and_constants_have_texts(public_module: str) -> None:
    """The reference shows methods and properties with a docstring, and texts after constants."""
    missing = set()
    for name, thing in exported(public_module).items():
        if isinstance(thing, type) and thing.__module__.startswith(OURS):
            missing |= {
                f"{name}.{member}"
                for member, value in vars(thing).items()
                if not member.startswith("_") and member not in inspect.get_annotations(thing)
                if isinstance(underlying(value), FunctionType)
                and not inspect.getdoc(getattr(thing, member))
            }
        elif not isinstance(thing, type | FunctionType):
            missing |= set() if has_text(public_module, name) else {name}

    assert missing == set()


def has_text(module: str, name: str) -> bool:
    """Whether a text follows the definition of a constant, in the module that defines it."""
    file = Path(str(importlib.import_module(module).__file__))
    stub = file.with_suffix(".pyi")
    body = ast.parse((stub if stub.is_file() else file).read_text(encoding="utf-8")).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        match statement:
            case ast.ImportFrom(module=str(source), names=names) if name in {
                one.name for one in names
            }:
                return has_text(source, name)
            case (
                ast.AnnAssign(target=ast.Name(id=found)) | ast.Assign(targets=[ast.Name(id=found)])
            ) if found == name:
                return isinstance(following, ast.Expr)
    return False


@pytest.mark.parametrize("public_module", PUBLIC_MODULES)
def test_public_objects_can_be_pickled_by_name(public_module: str) -> None:
    """A class or function can be imported by its ``__module__`` and name."""
    for thing in exported(public_module).values():
        if isinstance(thing, type | FunctionType):
            assert pickle.loads(pickle.dumps(thing)) is thing  # noqa: S301  # Our own pickle.


def test_type_hints_of_public_classes_can_be_resolved() -> None:
    """``typing.get_type_hints`` works for each public class."""
    httpx = importlib.import_module("httpx")
    classes = {
        thing
        for things in everything().values()
        for thing in things.values()
        if isinstance(thing, type) and thing.__module__ in PUBLIC_MODULES[:4]
    }
    for cls in classes:
        assert typing.get_type_hints(cls, localns={"httpx": httpx}) is not None

    assert len(classes) > 50


def test_errors_and_models_show_their_public_names() -> None:
    """Reprs and pickles use the public names, and pickles keep values."""
    error = RateLimited("Too many requests.", request_id="r-1")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # Our own pickle.
    survey = pickle.loads(pickle.dumps(Survey(id="s", name="S")))  # noqa: S301  # As above.

    assert repr(CredentialRefused).startswith("<class 'smaply_metrics_core.CredentialRefused'")
    assert (type(copy), copy.request_id) == (RateLimited, "r-1")
    assert survey == Survey(id="s", name="S")


def test_public_models_can_be_extended_and_rebuilt() -> None:
    """Pydantic resolves the annotations of a model whose ``__module__`` is a public module."""

    class Extended(Definition):
        """A model of a user."""

        remark: str = ""

    Definition.model_rebuild(force=True)
    Extended.model_rebuild(force=True)

    assert Extended(survey_id="s", calculation="nps", remark="r").remark == "r"  # type: ignore[arg-type]


def annotations_of(thing: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # Any public object.
    """Yield each annotation of a public function, or of a class's fields, methods, properties."""
    if isinstance(thing, FunctionType):
        home = vars(importlib.import_module(thing.__globals__["__name__"]))
        for name, value in thing.__annotations__.items():
            yield name, resolve(value, home)
        return
    for cls in thing.__mro__:
        if not cls.__module__.startswith(OURS):
            continue
        for name, value in inspect.get_annotations(cls).items():
            if not name.startswith("_"):
                yield name, resolve(value, vars(importlib.import_module(cls.__module__)))
        for name, value in vars(cls).items():
            function = underlying(value)
            called = (
                cls.__name__ not in MADE_BY_THE_CORE
                if name == "__init__"
                else name[0] != "_" or name == "__call__"
            )
            if isinstance(function, FunctionType) and called and thing.__name__ != CONTRACT:
                yield from ((f"{name}.{part}", of) for part, of in annotations_of(function))


def underlying(member: object) -> object:
    """Return the function of a property, a class method or a static method."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func
    return member.__func__ if isinstance(member, classmethod | staticmethod) else member


def resolve(value: Any, namespace: dict[str, Any]) -> Any:  # noqa: ANN401  # Any annotation.
    """Return an annotation's types; the text if only type checkers can resolve it."""
    if isinstance(value, ForwardRef):
        namespace = vars(importlib.import_module(value.__forward_module__ or OURS))
        value = value.__forward_arg__
    if not isinstance(value, str):
        return value
    try:
        return eval(value, dict(namespace))  # noqa: S307  # Our own annotation.
    except NameError:
        return value


def classes_in(annotation: Any) -> Iterator[type]:  # noqa: ANN401  # Any annotation.
    """Yield every class in an annotation."""
    if isinstance(annotation, types.GenericAlias | types.UnionType) or typing.get_args(annotation):
        for part in (typing.get_origin(annotation), *typing.get_args(annotation)):
            yield from classes_in(part)
    elif isinstance(annotation, list | tuple):
        for part in annotation:
            yield from classes_in(part)
    elif isinstance(annotation, type):
        yield annotation


def hidden_types(thing: Any, public: set[type]) -> set[str]:  # noqa: ANN401  # Any public object.
    """Return our types in the signatures of a public object that are not public."""
    return {
        f"{name}: {cls.__module__}.{cls.__qualname__}"
        for name, annotation in annotations_of(thing)
        for cls in classes_in(annotation)
        if cls.__module__.startswith(OURS) and cls not in public
    }


def test_every_type_in_a_public_signature_is_exported() -> None:
    """Every type of ours in a public signature is exported by a public module."""
    public_objects = everything()
    public = {
        t for things in public_objects.values() for t in things.values() if isinstance(t, type)
    }
    found = {
        f"{public_module}.{name}": hidden
        for public_module, things in public_objects.items()
        for name, thing in things.items()
        if isinstance(thing, type | FunctionType) and thing.__module__.startswith(OURS)
        if (hidden := hidden_types(thing, public))
    }
    found |= {
        name: hidden
        for name, thing in vars(hookspecs).items()
        if isinstance(thing, FunctionType) and (hidden := hidden_types(thing, public))
    }

    assert found == {}


def test_a_hidden_type_is_detected() -> None:
    """A type in a signature that is not exported is reported."""

    def example(wanted: Survey) -> None:
        """Take a survey."""

    example.__annotations__ = {"wanted": list[Survey]}

    assert hidden_types(example, set()) == {"wanted: smaply_metrics_core.Survey"}
    assert hidden_types(example, {Survey}) == set()


def test_the_version_is_a_version() -> None:
    """``__version__`` is exported, and the contract version is its major and minor version."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", smaply_metrics_core.__version__)
    assert smaply_metrics_core.__version__.startswith(smaply_metrics_core.CONTRACT_VERSION)
