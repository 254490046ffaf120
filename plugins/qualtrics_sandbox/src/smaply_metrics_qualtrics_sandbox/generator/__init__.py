"""Generate surveys with random responses."""
