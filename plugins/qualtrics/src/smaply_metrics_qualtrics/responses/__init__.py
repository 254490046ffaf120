"""Responses: from the export's ZIP to tallies."""
