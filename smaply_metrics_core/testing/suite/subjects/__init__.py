"""The contract tests, one flat class per subject. The modules do not import each other."""
