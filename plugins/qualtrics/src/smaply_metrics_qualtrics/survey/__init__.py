"""A survey's definition and response schema, as questions, answers and fields."""
