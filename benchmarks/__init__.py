"""Benchmarks of the framework. They are not part of the wheel."""
