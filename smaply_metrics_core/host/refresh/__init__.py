"""Refreshes: decisions, executors, the work itself and the worker process."""
