"""The contract suite: facts of the author, the lab, the subjects and the runner."""
