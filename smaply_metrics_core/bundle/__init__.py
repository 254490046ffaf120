"""The debug bundle: writes it, reads it within limits, and recalculates its metrics."""
