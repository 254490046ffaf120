"""A fleet that is disturbed: workers are killed, processes are restarted, and nothing is lost."""
