"""Patterns that are applied to texts of survey tools and people: they take linear time."""

from __future__ import annotations

import subprocess
import sys

CODE = r"""
import resource
from smaply_metrics_core import QueryInvalid
from smaply_metrics_core.bundle.spreadsheet_csv import escape_formula
from smaply_metrics_core.charts import sanitizer
from smaply_metrics_core.models.query import parse_filter
from smaply_metrics_core.testing.recording import sensitive_data
from smaply_metrics_limesurvey.html_text import html_to_text
from smaply_metrics_host.rendering.templating import code
from smaply_metrics_qualtrics.api.errors import read_envelope
from smaply_metrics_qualtrics.survey import column_owners, labels, text_iq
from smaply_metrics_qualtrics_sandbox.surveys.questions import plain

resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
UNITS = ["\\", "a", "a.", "a@", "a@a.", "%40", "eyJ", "eyJ-", "eyJaaaaaaaaaaaa.", "1", "1.", "+1 "]
UNITS += ["Bearer ", "-----BEGIN ", "2001:", "<", "<a ", "`", "&", "=", " ", "-1,", "QID1_"]
UNITS += ["{a", "{ ", "{a}", "<img alt=", "<img a=\"b ", "<a b='"]
UNITS += ["use this host instead: ", "question:", "_TEXT_a"]
for unit in UNITS:
    text = unit * (30_000 // len(unit))
    for one in (text + "!", text + "\n" + text):
        list(sensitive_data._found(one.encode()))
        sanitizer.plain_escapes(one)
        escape_formula(one)
        code(one)
        plain(one)
        html_to_text(one)
        for pattern in (column_owners._DERIVED, labels._PIPE, text_iq._RESULT):
            list(pattern.finditer(one))
        read_envelope({"meta": {"httpStatus": "200", "notice": one}})
        try:
            parse_filter(one, exclude=False)
        except QueryInvalid:
            continue
"""


def test_patterns_take_linear_time() -> None:
    """Texts of 30 and 60 kB are searched within 20 s of CPU time; quadratic searches are killed."""
    subprocess.run([sys.executable, "-c", CODE], check=True)
