"""A database as a source for Smaply Metrics: the database counts the responses."""

__version__ = "0.1.0"
