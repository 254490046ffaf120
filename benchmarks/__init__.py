"""Measurements of how fast the framework is; no part of what is installed."""
