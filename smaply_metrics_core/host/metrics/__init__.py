"""Metrics: definitions, the form's options, previews and the survey catalog."""
