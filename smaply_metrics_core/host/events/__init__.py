"""Events for host apps: values that changed, refreshes that ended, connections that failed."""
