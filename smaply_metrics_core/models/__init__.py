"""The models of the contract. Import them from ``smaply_metrics_core``."""
