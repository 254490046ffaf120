"""The source of values that people enter: a number with its date, instead of responses.

- ``tables``: the tables of an account, and the text that its connection stores them as.
- ``cells``: reads what a person typed or pasted.
- ``tallies``: answers queries from a table.
- ``source``: the hooks; the entry point names its object.
"""
