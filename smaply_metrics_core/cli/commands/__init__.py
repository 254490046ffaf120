"""The command groups, one module per noun."""
