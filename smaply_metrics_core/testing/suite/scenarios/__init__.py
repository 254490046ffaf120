"""The scenarios of a contract class that are not in the lab, one module per subject."""
