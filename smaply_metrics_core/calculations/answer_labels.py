"""Labels of answers, including those that a question no longer offers."""

from __future__ import annotations

from collections.abc import Mapping


def answer_label(key: str, labels: Mapping[str, str]) -> str:
    """Return the label of an answer, which no other answer has.

    An answer that the question no longer offers has its key as its label. If another answer is
    labelled with this key, such as a “5” whose key is 6, the label states the difference.
    """
    if key in labels:
        return labels[key]
    return f"{key} (no longer offered)" if key in labels.values() else key
