"""A fake Qualtrics API v3 server on the loopback interface, for tests and demos.

It serves surveys from a folder or generated ones. It shares no code with the Qualtrics plugin, so
that agreement between the two is evidence of correctness.

Start it from Python with `SandboxServer`, or from a shell with
`python -m smaply_metrics_qualtrics_sandbox --help`. `api.control` documents the routes that change
a running sandbox, `route_faults` the faults that it can simulate, and `exports.selection` the
columns, rows and blank cells of an export.

It serves the reading part of the API. Calls that change the account, such as imports and new
contacts, are unknown routes. Wave weights are rejected with an error, and the format spss without
the extra `spss`.

The sandbox defines what the public API documentation leaves open: errors in a body have the code
QVAL_1, including unknown question ids, filters and continuation tokens; starting an export of a
forwarded account is 400 "Bad Request"; a JSON export contains the ids of selected choices; a bearer
token without the scope of a route is 403 AuthZ_2.0.
"""

from smaply_metrics_qualtrics_sandbox.errors import SandboxError, SurveyFolderError
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.server import SandboxServer

__version__ = "0.1.0"

__all__ = ["SandboxError", "SandboxServer", "SurveyFolderError", "generate"]
