"""The contract suite: the author's facts, the lab, the subjects and the runner."""
