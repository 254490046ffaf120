"""LimeSurvey as a source for Smaply Metrics."""

__version__ = "0.1.0"
