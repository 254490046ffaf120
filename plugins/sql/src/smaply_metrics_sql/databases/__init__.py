"""The databases that can be connected."""
