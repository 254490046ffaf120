"""Mutants of the source with login sessions."""
