"""The data of the benchmarks."""
