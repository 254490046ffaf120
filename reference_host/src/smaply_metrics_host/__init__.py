"""The reference host: a web app that uses Smaply Metrics as any host would."""

__version__ = "0.1.0"
