"""A small stand-in for the Qualtrics v3 API over loopback HTTP.

For tests, demos and plugin authors. It serves surveys from a folder, or invented ones. It shares no
code with the connector, so that agreement between the two is evidence.

`SandboxServer` runs it from Python, `python -m smaply_metrics_qualtrics_sandbox --help` from a
shell. `api.control` has the routes that change it while it runs, `route_faults` the faults it can
simulate, `exports.selection` the columns, rows and blanks of an export.

The sandbox rejects, with a reason, what it does not imitate: the formats spss and xml,
continuation, saved filters, sorting by modification, responses in progress, label columns, wave
weights. Where the public documentation of the API is silent, the sandbox decides: an error in a
body has the code QVAL_1; a question id that the survey does not have is such an error; starting an
export through a proxy is 400 "Bad Request"; a JSON export lists the ids of selected choices.
"""

from smaply_metrics_qualtrics_sandbox.errors import SandboxError, SurveyFolderError
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.server import SandboxServer

__version__ = "0.1.0"

__all__ = ["SandboxError", "SandboxServer", "SurveyFolderError", "generate"]
