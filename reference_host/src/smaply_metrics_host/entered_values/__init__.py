"""The pages on which Editors enter values.

- ``table_form``: the form of a table, as it was submitted or as it is stored.
"""
