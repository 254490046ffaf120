"""Maintenance of a store without opening a host: its check and its backup."""
