"""A small, faithful stand-in for the Qualtrics v3 API over loopback HTTP.

For tests, demos and plugin authors. It serves surveys from a folder, or invented ones, and knows
nothing of the connector: agreement between the two is proof. It needs the extra `sandbox`.

`SandboxServer` runs it from Python, `python -m smaply_metrics_qualtrics_sandbox --help` from a
shell; `control` lists what can be done to it while it runs, `faults` the bad days it knows,
`selection` which columns, rows and blanks an export holds.

What the real API has and the sandbox refuses, saying so: the formats spss and xml, continuation,
saved filters, sorting by modification, responses in progress, label columns, wave weights. What
nobody public knows, and the sandbox decides: an error in a body has the code QVAL_1; a question id
that the survey doesn't have is such an error; starting an export through a proxy is 400 "Bad
Request"; a JSON export lists the ids of ticked choices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smaply_metrics_qualtrics_sandbox.errors import SandboxError, SurveyFolderError
    from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
    from smaply_metrics_qualtrics_sandbox.server import SandboxServer

__version__ = "0.1.0"

__all__ = ["SandboxError", "SandboxServer", "SurveyFolderError", "generate"]

_HOMES = {
    "SandboxError": "errors",
    "SandboxServer": "server",
    "SurveyFolderError": "errors",
    "generate": "generator.survey_files",
}


def __getattr__(name: str) -> object:
    """Import a name when it's asked for, so that importing this package loads no web server."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
