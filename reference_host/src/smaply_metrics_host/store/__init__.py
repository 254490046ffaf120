"""The host's own rows: people, invitations, sessions, and journey maps.

Metrics, values and connections are the framework's, in a store of its own.
"""
