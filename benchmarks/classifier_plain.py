"""The published normalisation and score, one plain step after the other: what ours is compared with."""

from __future__ import annotations

import re
import unicodedata
from typing import Any


def folded(text: str) -> str:
    """Newlines, lower case, NFKD, marks dropped."""
    text = re.sub(r"\n{3,}", "\n\n", text)
    text = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def line(text: str, tokenizer: Any) -> str:
    """The line that a released classifier reads."""
    ids = tokenizer.encode(folded(text), add_special_tokens=False).ids
    text = " ".join([tokenizer.decode([i], skip_special_tokens=False) for i in ids])
    text = re.sub(r"\n", "\\\\n", text)
    text = re.sub(r"\r", "\\\\r", text)
    text = re.sub(r"\t", "\\\\t", text)
    return re.sub(r" +", " ", text).strip()


def score(line: str, model: Any) -> float:
    """P(pos): the first label's probability, turned round for neg, at most 1."""
    (label,), (probability,) = model.predict(line)
    return min(1 - probability if label == "__label__neg" else probability, 1.0)
