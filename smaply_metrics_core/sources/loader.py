"""Importing one source and holding it to the contract, before anything of it is used."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from types import FunctionType, MethodType
from typing import Final, get_args

import pluggy
from pydantic import BaseModel, SecretBytes, SecretStr

from smaply_metrics_core import hookspecs
from smaply_metrics_core.hook_markers import CONTRACT_VERSION, PROJECT
from smaply_metrics_core.hookspecs import OPTIONAL
from smaply_metrics_core.models.credentials import Credentials, credential_fields
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.sources.exception_details import ContractViolation
from smaply_metrics_core.sources.validation import require_type

LONGEST_TITLE: Final = 80


@dataclass(frozen=True)
class Loaded:
    """A source that keeps the contract: its hooks, alone in their manager, and its description."""

    manager: pluggy.PluginManager
    description: SourceDescription
    hooks: tuple[str, ...]


@cache
def contract() -> dict[str, tuple[str, ...]]:
    """Return the name of each hook with its arguments, in the order of ``hookspecs``."""
    manager = pluggy.PluginManager(PROJECT)
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in vars(hookspecs).items()
        if isinstance(function, FunctionType)
        and manager.parse_hookspec_opts(hookspecs, name) is not None
    }


def contract_mismatch(declared: str) -> str:
    """Return why a source written for this version of the contract cannot be used; empty if it can.

    Args:
        declared: What ``describe_source`` declares, such as ``0.1``.
    """
    major, minor = map(int, declared.split("."))
    our_major, our_minor = map(int, CONTRACT_VERSION.split("."))
    if major == our_major and (minor == our_minor if major == 0 else minor <= our_minor):
        return ""
    return (
        f"It was written for version {declared} of the contract, and this release of "
        f"smaply-metrics-core offers {CONTRACT_VERSION}. Install a version of the source or of "
        "smaply-metrics-core that fits the other."
    )


def load(entry_point: EntryPoint) -> Loaded:
    """Import what an entry point names and check it against the contract.

    Runs the source's code, so it belongs behind the guard. Raises ``ContractViolation`` for what
    does not fit, and whatever the import raises.
    """
    if not entry_point.value.strip():
        raise ContractViolation(
            "its entry point names no object, or its entry_points.txt cannot be read."
        )
    if entry_point.pattern.match(entry_point.value) is None:
        raise ContractViolation(
            f"its entry point names “{entry_point.value}”, which is no MODULE and no MODULE:OBJECT."
        )
    plugin = entry_point.load()
    if plugin is None:
        raise ContractViolation(f"{entry_point.value} is None, not a module or an object.")
    if inspect.isclass(plugin):
        raise ContractViolation(
            f"{entry_point.value} is a class: name an object made from it, or a module."
        )
    hooks = _check_hooks(plugin)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=entry_point.name)
    return Loaded(manager, _describe(manager, entry_point.name), hooks)


def _check_hooks(plugin: object) -> tuple[str, ...]:
    manager = pluggy.PluginManager(PROJECT)
    specs = contract()
    found: dict[str, str] = {}
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        hook = options.get("specname") or attribute
        if hook not in specs:
            near = difflib.get_close_matches(hook, specs, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(specs)}."
            raise ContractViolation(f"{hook} is no hook: {meant}")
        if hook in found:
            raise ContractViolation(
                f"{hook} is implemented twice, by {found[hook]} and {attribute}: keep one."
            )
        if options.get("wrapper") or options.get("hookwrapper"):
            raise ContractViolation(f"{attribute} is a wrapper, which no source may be.")
        _check_function(plugin, attribute, hook)
        found[hook] = attribute
    absent = [hook for hook in specs if hook not in found]
    for hook in absent:
        if inspect.getattr_static(plugin, hook, None) is not None:
            raise ContractViolation(
                f"{hook} is there, but is not a plain function marked with @hookimpl."
            )
    missing = [hook for hook in absent if hook not in OPTIONAL]
    if missing:
        raise ContractViolation(f"these hooks are missing: {', '.join(missing)}.")
    return tuple(hook for hook in specs if hook in found)


def _check_function(plugin: object, attribute: str, hook: str) -> None:
    static = inspect.getattr_static(plugin, attribute)
    function = static.__func__ if hasattr(static, "__func__") else static
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ContractViolation(
            f"{attribute} is async: write it with def, it runs on its own thread."
        )
    parameters = list(inspect.signature(function).parameters.values())
    if _is_bound(plugin, attribute, static):
        parameters = parameters[1:]  # self or cls.
    allowed = contract()[hook]
    wanted = f"it may take {', '.join(allowed) or 'nothing'}"
    for parameter in parameters:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise ContractViolation(f"{attribute} takes {parameter}: {wanted}, by name.")
        if parameter.name not in allowed:
            raise ContractViolation(f"{attribute} takes {parameter.name}: {wanted}.")
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty:
            raise ContractViolation(
                f"{attribute} has {parameter.name} with a default or after *: it would never be "
                "filled. Write it as an ordinary argument."
            )


def _is_bound(plugin: object, attribute: str, static: object) -> bool:
    if isinstance(static, (MethodType, classmethod)):
        return True
    of_its_own = inspect.ismodule(plugin) or attribute in getattr(plugin, "__dict__", {})
    return not of_its_own and not isinstance(static, staticmethod)


def _describe(manager: pluggy.PluginManager, source: str) -> SourceDescription:
    description = require_type(SourceDescription, manager.hook.describe_source(), "describe_source")
    if description.id != source:
        raise ContractViolation(
            f"describe_source says its id is “{description.id}”, its entry point says “{source}”."
        )
    if not description.title.strip():
        raise ContractViolation("describe_source gives no title.")
    if len(description.title) > LONGEST_TITLE or not description.title.isprintable():
        raise ContractViolation(
            f"describe_source gives a title that no list can show: at most {LONGEST_TITLE} "
            "characters, in one line."
        )
    _check_credentials(description.credentials)
    names = [step.name for step in description.checks]
    if len(set(names)) != len(names):
        raise ContractViolation("describe_source names a check twice.")
    if not any(step.required for step in description.checks):
        raise ContractViolation(
            "describe_source has no required check, so no connection could fail."
        )
    return description


_SECRETS: Final = (SecretStr, SecretBytes)


def _check_credentials(model: type[Credentials]) -> None:
    if model is Credentials:
        raise ContractViolation("its credentials model has to be a subclass of Credentials.")
    model.model_rebuild()  # Raises when an annotation cannot be resolved; else a secret is missed.
    credential_fields(model)
    for name, field in model.model_fields.items():
        # A secret anywhere else would be shown in a form, or sealed as asterisks.
        if field.annotation is not SecretStr and any(
            isinstance(part, type) and issubclass(part, _SECRETS)
            for part in _parts(field.annotation)
        ):
            raise ContractViolation(
                f"the credentials field {name} wraps a secret in another type: declare it as "
                "SecretStr or Token, with an empty default where it may be left out."
            )


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    arguments = get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        arguments = tuple(field.annotation for field in annotation.model_fields.values())
    for argument in arguments:
        yield from _parts(argument)
