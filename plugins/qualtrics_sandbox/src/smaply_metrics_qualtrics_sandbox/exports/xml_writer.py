"""Write XML exports: an element for each response, in it one for each filled cell.

The cells are those of text exports. An element is called by the ImportId, for a choice with its id
(`QID4_1`). Characters that a name in XML cannot contain are replaced by `_`, as the names of
embedded fields are free; characters that XML cannot contain at all are removed.
"""

from __future__ import annotations

import json
import re
from typing import TextIO
from xml.sax.saxutils import escape

from smaply_metrics_qualtrics_sandbox.exports.text_writer import TextExport

_NOT_IN_NAMES = re.compile(r"[^\w.-]", re.ASCII)
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_xml(export: TextExport, stream: TextIO) -> None:
    """Write the file of a text export as XML."""
    outputs = export.outputs()
    names = [_name(output.raw) for output in outputs]
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<Responses>\n')
    for row in zip(*(output.cells() for output in outputs), strict=True):
        stream.write("<Response>")
        for name, cell in zip(names, row, strict=True):
            if cell:
                # A parser reads a bare carriage return as a newline.
                text = escape(_NOT_IN_XML.sub("", cell), {"\r": "&#13;"})
                stream.write(f"<{name}>{text}</{name}>")
        stream.write("</Response>\n")
    stream.write("</Responses>\n")


def _name(raw: str) -> str:
    key = json.loads(raw)
    parts = filter(None, (key["ImportId"], key.get("choiceId")))
    name = _NOT_IN_NAMES.sub("_", "_".join(map(str, parts)))
    # A name cannot begin with a digit, a point or a hyphen, nor with "xml".
    return f"_{name}" if re.match(r"[\d.-]|xml", name, re.IGNORECASE) else name
