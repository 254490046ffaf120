"""The mapping of tables to surveys: its model, its text, and proposals."""
