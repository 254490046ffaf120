"""Rendering of cards, charts and maps."""
