"""Counting in the database: statements that return counts, and tallies from them."""
