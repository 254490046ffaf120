"""The store: definitions, values, encrypted credentials and leases, but no respondent's row."""

from smaply_metrics_core.host.store.store import Store

__all__ = ["Store"]
