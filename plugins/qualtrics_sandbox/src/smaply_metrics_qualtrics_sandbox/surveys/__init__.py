"""The surveys of a sandbox and their responses."""
