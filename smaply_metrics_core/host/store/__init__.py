"""The store: definitions, values, sealed credentials and leases. Never a respondent's row."""

from smaply_metrics_core.host.store.store import Store

__all__ = ["Store"]
