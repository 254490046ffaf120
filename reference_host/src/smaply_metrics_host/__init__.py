"""The reference host: a web app built on Smaply Metrics."""

__version__ = "0.1.0"
