"""Whether a passage entails a sentence, by a model of natural language inference: a folder or a Hugging Face id.

Any sequence classifier whose labels tell entailment will do, such as DeBERTa or XLM-R fine-tuned on MNLI or XNLI. It
needs transformers and torch, which come with vLLM.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synth.models import ModelNotFound, resolve_model

LABEL = "entail"  # what the name of its label begins with: "entailment", "ENTAILMENT"
_BATCH = 32
_STRIDE = 64  # tokens that two windows of a long passage share
_MOST_TOKENS = 512  # for a model that tells no length of its own


class Entailment:
    """Entailment as probabilities. Not thread-safe."""

    def __init__(self, model: Any, tokenizer: Any, label: int, max_tokens: int) -> None:
        self._model, self._tokenizer, self._label, self._max_tokens = model, tokenizer, label, max_tokens

    def predict(self, passage: str, sentences: Sequence[str]) -> list[float]:
        """How probable it is that the passage entails each sentence; of a passage that the model cannot take at once,
        the most probable of its windows."""
        import torch

        best = [0.0] * len(sentences)
        encoded = self._tokenizer(
            [passage] * len(sentences), list(sentences), truncation="only_first", max_length=self._max_tokens,
            stride=_STRIDE, return_overflowing_tokens=True,
        )  # fmt: skip
        of = encoded.pop("overflow_to_sample_mapping")
        for start in range(0, len(of), _BATCH):
            window = {name: values[start : start + _BATCH] for name, values in encoded.items()}
            batch = self._tokenizer.pad(window, return_tensors="pt").to(self._model.device)
            with torch.inference_mode():
                found = self._model(**batch).logits.float().softmax(dim=-1)[:, self._label].tolist()
            for sentence, probability in zip(of[start : start + _BATCH], found, strict=True):
                best[sentence] = max(best[sentence], probability)
        return best


def load_entailment(model: str, revision: str | None = None) -> Entailment:
    """Load a model, onto a GPU where this process sees one. Errors: ModelNotFound, with the remedy."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    label, where = check_entailment(model, revision), resolve_model(model)
    loaded = AutoModelForSequenceClassification.from_pretrained(where, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(where, revision=revision)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    most = min(tokenizer.model_max_length, getattr(loaded.config, "max_position_embeddings", 0) or _MOST_TOKENS)
    return Entailment(loaded.eval().to(device), tokenizer, label, min(most, _MOST_TOKENS))


def check_entailment(model: str, revision: str | None = None) -> int:
    """Find out whether a model tells entailment, without fetching its weights.

    Returns: the number of its label. Errors: ModelNotFound, with the remedy.
    """
    from transformers.utils import cached_file

    try:
        found = cached_file(resolve_model(model), "config.json", revision=revision)
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelNotFound(f"model {model!r} is neither a folder nor to be had from the hub: {reason}") from error
    labels = json.loads(Path(str(found)).read_text(encoding="utf-8")).get("id2label") or {}
    fitting = [int(number) for number, name in labels.items() if str(name).lower().startswith(LABEL)]
    if len(fitting) != 1:
        raise ModelNotFound(
            f"model {model!r} has the labels {list(labels.values())}, none of them entailment; name a model of natural "
            "language inference whose config.json names its labels"
        )
    return fitting[0]
