"""CSV files in a folder as a source for Smaply Metrics: the source to copy.

- ``source``: the hooks, and the credentials form.
- ``csv_files``: finds and reads the files.
- ``questionnaire``: derives questions from the columns, and reads their answers.
"""

from __future__ import annotations

from smaply_metrics_csv_example.source import source

__version__ = "0.1.0"

__all__ = ["__version__", "source"]
