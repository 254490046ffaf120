"""The words of the framework as frozen models; import them from ``smaply_metrics_core``."""
