"""Read responses from CSV, semicolon and tab files and Excel workbooks of any sender.

- ``read_file_table`` recognises the encoding, delimiter, date order, decimal sign and the role of
  each column, and lists what it cannot recognise as open questions.
- ``FileMapping`` states what was recognised, and what a person decided.
- ``FileTable.responses`` returns the responses in one format for all files.

The names are imported on first use. Excel and other encodings than UTF require the extra ``files``.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
