"""Read the responses of an export and count what the queries request."""
