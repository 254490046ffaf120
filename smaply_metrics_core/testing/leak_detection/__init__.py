"""Detection of leaked secrets and of side effects of a source."""
