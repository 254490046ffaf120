"""The pipelines that ``benchmarks.aggregate`` compares."""
