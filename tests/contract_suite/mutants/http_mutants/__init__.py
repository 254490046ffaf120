"""Mutants of the HTTP source, one module per subject."""
