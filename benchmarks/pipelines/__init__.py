"""The contenders of `benchmarks.aggregate`."""
