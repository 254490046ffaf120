"""The scenarios of a contract class beyond those of the lab, one module per subject."""
