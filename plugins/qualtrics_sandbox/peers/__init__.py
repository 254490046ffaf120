"""Run public Qualtrics clients against the sandbox: `make peers`."""
