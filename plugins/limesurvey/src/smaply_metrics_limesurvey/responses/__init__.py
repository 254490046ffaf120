"""Responses: exporting them in pages, and counting them."""
