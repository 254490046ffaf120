"""Sources with one fault each: what the contract suite is tested with."""
