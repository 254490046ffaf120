"""Cards: load them, and wait for pending refreshes."""
