"""Survey definitions: questions, choices and answer columns."""
