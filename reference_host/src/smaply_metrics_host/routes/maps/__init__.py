"""The HTML routes of journey maps."""
