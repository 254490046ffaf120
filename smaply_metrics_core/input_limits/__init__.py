"""Readers of ZIP, CSV and JSON from untrusted senders, in bounded memory and time."""
