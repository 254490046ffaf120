"""The health of a process and of an installation."""
