"""The database of the host app: people, invitations, sessions and journey maps.

Connections, metrics and results are in the framework's store.
"""
