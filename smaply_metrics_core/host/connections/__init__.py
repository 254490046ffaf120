"""Connections: credentials, encryption, sessions, checks and health."""
