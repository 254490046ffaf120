"""Faults of networks and survey tools, for sources over HTTP."""
