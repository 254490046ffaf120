"""The HTTP API of the sandbox."""
