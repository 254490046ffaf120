"""The metric form: its data, options, validation, drafts and preview."""
