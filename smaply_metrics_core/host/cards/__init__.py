"""Cards: load, wait for pending refreshes, build what a viewer sees."""
