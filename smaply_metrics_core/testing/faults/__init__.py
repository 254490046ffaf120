"""Faults of a network and of a survey tool, for sources over HTTP."""
