"""Sentence models of Hugging Face as sentence-transformers publishes them, run by transformers alone.

What such a model wants said before a text and how its token vectors become one stand in its own files:
``config_sentence_transformers.json`` and ``1_Pooling/config.json``. E5 models say the first in their card only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_BATCH = 32
_MAX_TOKENS = 512
_E5 = re.compile(r"(?:^|[/_-])e5(?:[_-]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class SentenceModel:
    """A model with its tokenizer; ``prefixes`` stand before a passage and before a query."""

    model: Any
    tokenizer: Any
    pooling: str  # mean or cls
    prefixes: tuple[str, str]

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return int(self.model.config.hidden_size)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 (n, dim), of what is searched."""
        return self._embed([self.prefixes[0] + text for text in texts])

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 (n, dim), of questions."""
        return self._embed([self.prefixes[1] + text for text in texts])

    def _embed(self, texts: list[str]) -> np.ndarray:
        # Texts of one length together, so that little is padded.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found = np.zeros((len(texts), self.dim), np.float32)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            found[places] = self._batch([texts[place] for place in places])
        return found

    def _batch(self, texts: list[str]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            read = self.tokenizer(texts, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt")
            states = self.model(**read).last_hidden_state.float()
            mask = read["attention_mask"].unsqueeze(-1)
            pooled = states[:, 0] if self.pooling == "cls" else (states * mask).sum(1) / mask.sum(1)
            return torch.nn.functional.normalize(pooled, dim=1).numpy()


def load_sentence_model(name: str) -> SentenceModel:
    """A folder, or a Hugging Face id. Errors: OSError or ValueError where it cannot be had."""
    from transformers import AutoModel, AutoTokenizer

    prompts = _file(name, "config_sentence_transformers.json").get("prompts") or {}
    pooling = _file(name, "1_Pooling/config.json")
    passage = prompts.get("passage", prompts.get("document", "passage: " if _E5.search(name) else ""))
    query = prompts.get("query", "query: " if _E5.search(name) else "")
    model, tokenizer = AutoModel.from_pretrained(name).eval(), AutoTokenizer.from_pretrained(name)
    return SentenceModel(model, tokenizer, "cls" if pooling.get("pooling_mode_cls_token") else "mean", (passage, query))


def _file(name: str, path: str) -> dict[str, Any]:
    """One of a model's JSON files; nothing where it has none."""
    from transformers.utils import cached_file

    local = Path(name).expanduser() / path
    if not local.is_file() and not Path(name).expanduser().is_dir():
        found = cached_file(
            name, path, _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False
        )
        local = Path(found) if found else local
    return json.loads(local.read_text(encoding="utf-8")) if local.is_file() else {}
