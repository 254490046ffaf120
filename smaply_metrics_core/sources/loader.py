"""Imports a source and validates it against the contract before it is used."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Sequence
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
    """A valid source: a plugin manager with only its hooks, and its description."""

    manager: pluggy.PluginManager
    description: SourceDescription
    hooks: tuple[str, ...]


@cache
def contract() -> dict[str, tuple[str, ...]]:
    """Return the hooks with their arguments, in the order of ``hookspecs``."""
    manager = pluggy.PluginManager(PROJECT)
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in vars(hookspecs).items()
        if isinstance(function, FunctionType)
        and manager.parse_hookspec_opts(hookspecs, name) is not None
    }


def contract_mismatch(declared: str) -> str:
    """Return why a source with this contract version cannot be used; empty if it can.

    Args:
        declared: The version that ``describe_source`` declares, such as ``0.1``.
    """
    major, minor = map(int, declared.split("."))
    our_major, our_minor = map(int, CONTRACT_VERSION.split("."))
    if major == our_major and (minor == our_minor if major == 0 else minor <= our_minor):
        return ""
    return (
        f"It was written for version {declared} of the contract, but smaply-metrics-core has "
        f"version {CONTRACT_VERSION}. Install compatible versions of both."
    )


def load(entry_point: EntryPoint) -> Loaded:
    """Import the object of an entry point and validate it against the contract.

    This runs the source's code and must be isolated. It may raise any exception of the import.

    Raises:
        ContractViolation: when the source does not implement the contract.
    """
    if not entry_point.value.strip():
        raise ContractViolation("its entry point is empty, or its entry_points.txt cannot be read.")
    if entry_point.pattern.match(entry_point.value) is None:
        raise ContractViolation(
            f"its entry point is “{entry_point.value}” instead of MODULE or MODULE:OBJECT."
        )
    plugin = entry_point.load()
    if plugin is None:
        raise ContractViolation(f"{entry_point.value} is None, not a module or an object.")
    if inspect.isclass(plugin):
        raise ContractViolation(
            f"{entry_point.value} is a class. Use an instance of it, or a module."
        )
    hooks = _check_hooks(plugin)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=entry_point.name)
    description = _describe(manager, entry_point.name)
    _check_form_hooks(description.credentials, hooks)
    return Loaded(manager, description, hooks)


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
            hint = f"Did you mean {near[0]}?" if near else f"The hooks are {', '.join(specs)}."
            raise ContractViolation(f"{hook} is not a hook. {hint}")
        if hook in found:
            raise ContractViolation(
                f"{hook} is implemented twice, by {found[hook]} and {attribute}. Remove one."
            )
        if options.get("wrapper") or options.get("hookwrapper"):
            raise ContractViolation(f"{attribute} is a hook wrapper, which sources may not use.")
        _check_function(plugin, attribute, hook)
        found[hook] = attribute
    absent = [hook for hook in specs if hook not in found]
    for hook in absent:
        if inspect.getattr_static(plugin, hook, None) is not None:
            raise ContractViolation(
                f"{hook} exists, but is not a plain function marked with @hookimpl."
            )
    missing = [hook for hook in absent if hook not in OPTIONAL]
    if missing:
        raise ContractViolation(f"these hooks are missing: {', '.join(missing)}.")
    return tuple(hook for hook in specs if hook in found)


def _check_function(plugin: object, attribute: str, hook: str) -> None:
    static = inspect.getattr_static(plugin, attribute)
    function = static.__func__ if hasattr(static, "__func__") else static
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ContractViolation(f"{attribute} is async. Hooks run on threads; define it with def.")
    parameters = list(inspect.signature(function).parameters.values())
    if _is_bound(plugin, attribute, static):
        parameters = parameters[1:]  # self or cls.
    allowed = contract()[hook]
    hint = f"Its arguments may be {', '.join(allowed)}." if allowed else "It takes no arguments."
    for parameter in parameters:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise ContractViolation(f"{attribute} takes {parameter}. {hint}")
        if parameter.name not in allowed:
            raise ContractViolation(f"{attribute} takes {parameter.name}. {hint}")
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty:
            raise ContractViolation(
                f"{attribute} has {parameter.name} with a default or as keyword-only, so it is "
                "never passed. Make it an ordinary argument."
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
            f"the ID in describe_source is “{description.id}”, but the entry point is “{source}”."
        )
    if not description.title.strip():
        raise ContractViolation("describe_source returned an empty title.")
    if len(description.title) > LONGEST_TITLE or not description.title.isprintable():
        raise ContractViolation(
            f"the title in describe_source must be one line of at most {LONGEST_TITLE} characters."
        )
    _check_credentials(description.credentials)
    names = [step.name for step in description.checks]
    if len(set(names)) != len(names):
        raise ContractViolation("describe_source has two checks with the same name.")
    if not any(step.required for step in description.checks):
        raise ContractViolation(
            "describe_source has no required check, so no connection could fail."
        )
    return description


_SECRETS: Final = (SecretStr, SecretBytes)


def _check_credentials(model: type[Credentials]) -> None:
    if model is Credentials:
        raise ContractViolation("its credentials model must be a subclass of Credentials.")
    model.model_rebuild()  # Raises for unresolved annotations, which could hide a secret.
    credential_fields(model)
    for name, field in model.model_fields.items():
        # A nested secret would be shown in a form, or stored as asterisks.
        if field.annotation is not SecretStr and any(
            isinstance(part, type) and issubclass(part, _SECRETS)
            for part in _parts(field.annotation)
        ):
            raise ContractViolation(
                f"the credentials field {name} has a secret inside another type. Declare it as "
                "SecretStr or Token, with an empty default if it is optional."
            )


def _check_form_hooks(model: type[Credentials], hooks: Sequence[str]) -> None:
    """Check that fields with optional hooks are declared, and the hooks that they need."""
    fields = credential_fields(model)
    declared = {
        ("proposable", "propose_value"): [field for field in fields if field.proposable],
        ("columns", "edit_columns"): [field for field in fields if field.columns],
    }
    for (attribute, hook), found in declared.items():
        for field in found:
            if field.secret or field.required:
                raise ContractViolation(
                    f"the credentials field {field.name} has {attribute}=True, so it must have a "
                    "default and not be a secret."
                )
        if found and hook not in hooks:
            raise ContractViolation(
                f"the credentials field {found[0].name} has {attribute}=True, but the hook {hook} "
                "is missing."
            )
        if hook in hooks and not found:
            raise ContractViolation(
                f"{hook} would never be called: declare a credentials field with "
                f"FormField({attribute}=True), or remove the hook."
            )


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    arguments = get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        arguments = tuple(field.annotation for field in annotation.model_fields.values())
    for argument in arguments:
        yield from _parts(argument)
