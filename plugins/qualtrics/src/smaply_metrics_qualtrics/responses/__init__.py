"""The responses of an export: reading the file, and counting what queries request."""
