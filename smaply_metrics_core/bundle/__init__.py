"""The debug bundle: write it, read it within limits, recompute its metrics."""
