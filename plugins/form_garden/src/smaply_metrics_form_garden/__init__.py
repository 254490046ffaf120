"""Form Garden, an invented survey tool, as a source for Smaply Metrics.

- ``source``: the hooks, and the credentials form.
- ``questionnaire``: its forms as questionnaires, and its CSV files as rows.
- ``api``: its endpoints and what their refusals mean.
"""

from __future__ import annotations

from smaply_metrics_form_garden.source import source

__version__ = "0.1.0"

__all__ = ["__version__", "source"]
