"""A fake Qualtrics API v3 server on the loopback interface, for tests and demos.

It serves surveys from a folder or generated ones. It shares no code with the Qualtrics plugin, so
that agreement between the two is evidence of correctness.

Start it from Python with `SandboxServer`, or from a shell with
`python -m smaply_metrics_qualtrics_sandbox --help`. `api.control` documents the routes that change
a running sandbox, `route_faults` the faults that it can simulate, and `exports.selection` the
columns, rows and blank cells of an export.

The sandbox rejects unsupported options with an error: the formats spss and xml, continuation, saved
filters, sorting by modification, responses in progress, label columns and wave weights. It defines
what the public API documentation leaves open: errors in a body have the code QVAL_1, including
unknown question ids; starting an export of a forwarded account is 400 "Bad Request"; a JSON export
contains the ids of selected choices.
"""

from smaply_metrics_qualtrics_sandbox.errors import SandboxError, SurveyFolderError
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.server import SandboxServer

__version__ = "0.1.0"

__all__ = ["SandboxError", "SandboxServer", "SurveyFolderError", "generate"]
