"""Faults of networks and services, and the replay that they are injected into."""
