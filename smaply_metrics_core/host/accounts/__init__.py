"""The accounts of a store: their settings, limits, export and deletion."""
