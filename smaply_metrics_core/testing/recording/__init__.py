"""Recording and replaying cassettes, and checking them for sensitive data."""
