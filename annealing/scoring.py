"""How likely a model finds texts: the sum of the log-likelihoods of the tokens that count, text by text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from annealing import weights
from annealing.errors import TrainerError
from annealing.model import Model
from annealing.parallel import choose_device
from annealing.shape import read_shape
from annealing.tokens import Tokenizer, open_tokenizer

_BATCH = {"cuda": 65_536, "cpu": 8_192}  # tokens forward at once
_PIECE_LOGITS = {"cuda": 1 << 28, "cpu": 1 << 24}  # logits that exist at once, in float32
_SAME = 16  # lengths are rounded up to it, so that few different shapes occur


@dataclass(frozen=True)
class Item:
    """Tokens of which those from ``first`` on are scored, each by what stands before it."""

    ids: np.ndarray  # (length,)
    first: int  # 1 or more


@dataclass(frozen=True)
class Scored:
    """One figure an item."""

    nats: np.ndarray  # float64 (items,): minus the sum of the log-likelihoods
    greedy: np.ndarray  # bool (items,): whether every scored token is the likeliest


class Scorer:
    """A model ready to score."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        """Load the model of a Hugging Face folder. Errors: TrainerError."""
        self._folder = folder
        self.device = choose_device(device)
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self.shape = read_shape(folder)
        self.tokenizer: Tokenizer = open_tokenizer(folder)
        self._model = Model(self.shape, dtype)
        weights.load(folder, self._model)
        self._model.to(self.device).eval()

    @property
    def first(self) -> int:
        """The token that stands before every text."""
        return self.tokenizer.eos if self.tokenizer.bos is None else self.tokenizer.bos

    def score(self, items: Sequence[Item]) -> Scored:
        """Score items; the figures of one do not depend on the others.

        Errors: TrainerError for a model whose likelihoods are no numbers.
        """
        nats, greedy = np.zeros(len(items)), np.zeros(len(items), bool)
        for rows in _batches(items, _BATCH[self.device.type]):
            nats[rows], greedy[rows] = self._batch([items[row] for row in rows])
        if not np.isfinite(nats).all():
            raise TrainerError(f"{self._folder}: its likelihoods are no numbers", "take an earlier checkpoint")
        return Scored(nats, greedy)

    @torch.inference_mode()
    def _batch(self, items: list[Item]) -> tuple[np.ndarray, np.ndarray]:
        """A batch padded on the right, where a causal model does not see it."""
        longest = -(-max(len(item.ids) for item in items) // _SAME) * _SAME
        tokens = torch.zeros(len(items), longest, dtype=torch.long)
        counts = torch.zeros(len(items), longest, dtype=torch.bool)
        for row, item in enumerate(items):
            tokens[row, : len(item.ids)] = torch.from_numpy(item.ids.astype(np.int64))
            counts[row, item.first : len(item.ids)] = True
        hidden = self._model.hidden(tokens.to(self.device))
        owner, place = counts.nonzero(as_tuple=True)
        losses, likeliest = self._losses(hidden, owner.to(self.device), place.to(self.device), tokens.to(self.device))
        nats = torch.zeros(len(items), dtype=torch.float64).index_add_(0, owner, losses.cpu().double())
        wrong = torch.zeros(len(items)).index_add_(0, owner, (~likeliest).cpu().float())
        return nats.numpy(), (wrong == 0).numpy()

    def _losses(self, hidden: Tensor, owner: Tensor, place: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the tokens at (owner, place), and whether each is the likeliest, a piece at a time."""
        size = max(1, _PIECE_LOGITS[self.device.type] // self.shape.vocab_size)
        losses, likeliest = [], []
        for start in range(0, len(owner), size):
            rows, at = owner[start : start + size], place[start : start + size]
            logits = self._model.head(hidden[rows, at - 1]).float() * self.shape.logit_scale
            wanted = tokens[rows, at]
            losses.append(F.cross_entropy(logits, wanted, reduction="none"))
            likeliest.append(logits.argmax(1) == wanted)
        if not losses:
            return torch.zeros(0), torch.zeros(0, dtype=torch.bool)
        return torch.cat(losses), torch.cat(likeliest)


def _batches(items: Sequence[Item], budget: int) -> Iterator[np.ndarray]:
    """Rows of items of like length, the longest first, so that what is too large fails at once."""
    order = np.argsort([-len(item.ids) for item in items], kind="stable")
    start = 0
    while start < len(order):
        count = max(1, budget // (-(-len(items[order[start]].ids) // _SAME) * _SAME))
        yield order[start : start + count]
        start += count
