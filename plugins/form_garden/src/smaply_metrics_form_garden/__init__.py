"""Form Garden, a fictional survey tool, as a source for Smaply Metrics.

- ``source``: the hooks, the credentials form and the check steps.
- ``questionnaire``: converts forms to questionnaires and CSV files to rows.
- ``api``: the endpoints, and the errors for their status codes.
"""

from __future__ import annotations

from smaply_metrics_form_garden.source import source

__version__ = "0.1.0"

__all__ = ["__version__", "source"]
