"""Mutants: sources with one fault each, with which the contract suite is tested."""
