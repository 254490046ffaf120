"""The surveys of the sandbox and their responses."""
