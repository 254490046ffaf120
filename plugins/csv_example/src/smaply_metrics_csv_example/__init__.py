"""An example source for Smaply Metrics that reads CSV files in a folder.

- ``source``: the hooks, the credentials form and the check steps.
- ``csv_files``: finds the files and reads them.
- ``questionnaire``: derives the questions from the columns and reads their answers.
"""

from __future__ import annotations

from smaply_metrics_csv_example.source import source

__version__ = "0.1.0"

__all__ = ["__version__", "source"]
