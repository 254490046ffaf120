"""Parse the definition and response schema of a survey into questions, choices and fields."""
