"""Resolves a ``MODULE:NAME`` of the command line to a contract class or another object."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.testing.suite.contract import SourceContract

FORM = "Enter MODULE:NAME or FILE.py:NAME, for example tests/test_contract.py:TestAcme."


@contextmanager
def import_contract(text: str) -> Iterator[type[SourceContract]]:
    """Yield the contract class of a ``MODULE:NAME``.

    The name is that of the class, or of a function whose context manager yields the class, for
    example while a server runs.

    Raises:
        InputError: if it is neither.
    """
    found = import_object(text)
    if inspect.isclass(found) and issubclass(found, SourceContract):
        yield found
        return
    with _author_errors(text):
        manager = found() if callable(found) else None
    if not isinstance(manager, AbstractContextManager):
        raise InputError(f"{text} neither is nor yields a contract class.", remedy=FORM)
    with ExitStack() as stack:
        with _author_errors(text):
            contract = stack.enter_context(manager)
        if not (inspect.isclass(contract) and issubclass(contract, SourceContract)):
            raise InputError(f"{text} does not yield a contract class.", remedy=FORM)
        yield contract


def find_contract(source: str, folder: Path) -> str:
    """Return the ``FILE.py:NAME`` of the contract class of a source.

    The class is searched for in files named ``test_contract.py``.

    Args:
        source: The id of an installed source.
        folder: The folder of the tests, which is searched recursively.

    Raises:
        InputError: when there is no such class, or more than one.
    """
    found = [
        f"{path}:{name}"
        for path in sorted(folder.rglob("test_contract.py"))
        for name, value in vars(_imported(str(path))).items()
        if inspect.isclass(value) and issubclass(value, SourceContract) and value.source == source
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"“{source}” has more than one contract class: {', '.join(found)}.",
            remedy="Enter one of them instead of the ID.",
        )
    raise InputError(
        f"No test_contract.py below {folder}/ has a contract class for the source “{source}”.",
        remedy="Run the command in the folder of the source's distribution, or enter MODULE:CLASS.",
    )


def import_object(text: str) -> Any:  # noqa: ANN401  # Any object.
    """Return the object of a ``MODULE:NAME``.

    Raises:
        InputError: if the module cannot be imported or does not have the name.
    """
    module, _, name = text.rpartition(":")
    if not module or not name.isidentifier():
        raise InputError(f"“{text}” is not a valid name.", remedy=FORM)
    try:
        return getattr(_imported(module), name)
    except AttributeError:
        raise InputError(f"{module} has no {name}.", remedy=FORM) from None


def _imported(module: str) -> Any:  # noqa: ANN401  # A module.
    with _author_errors(module):
        return _module(module)


@contextmanager
def _author_errors(name: str) -> Iterator[None]:
    """Convert exceptions of an author's code to an ``InputError``.

    Raises:
        InputError: with the name of the code and its exception.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except ImportError as error:
        raise InputError(f"{name} cannot be imported: {error}.", remedy=FORM) from error
    except BaseException as error:  # Includes `sys.exit` and pytest's `skip`.
        text = f"{type(error).__name__}: {error}".rstrip(": .")
        raise InputError(
            f"{name} raised {text}.",
            remedy="Fix this code; --debug shows the traceback.",
        ) from error


def _module(name: str) -> Any:  # noqa: ANN401  # A module.
    _find_modules_in(Path.cwd())
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    _find_modules_in(path.parent)  # As for a script, modules in its folder can be imported.
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"the file {name} does not exist")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _find_modules_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
