"""Cassettes: record, play, check for sensitive data."""
