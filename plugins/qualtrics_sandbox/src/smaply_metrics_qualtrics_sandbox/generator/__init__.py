"""The generator of invented surveys."""
