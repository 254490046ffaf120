"""Surveys: columns, questions, and how the answers to each question are read."""
