"""A model so small that a text takes milliseconds, with weights so uneven that its likelihoods differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def save_tiny_model(folder: Path, texts: Iterable[str], pieces: int = 600, longest: int = 512) -> Path:
    """A Hugging Face folder with random weights, and a byte-level tokenizer trained on ``texts``."""
    from annealing import tokens, weights
    from annealing.model import Model
    from annealing.shape import Shape

    tokenizer = tokens.train(texts, folder / "tokenizer", pieces)
    shape = Shape(tokenizer.size, 32, 96, 2, 4, 1, 16, max_position_embeddings=longest, initializer_range=0.2)
    model = Model(shape)
    model.initialize(1)
    weights.save(folder / "model", shape, model.state_dict(), "float32", tokenizer.folder)
    return folder / "model"


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch: so small a model gains nothing by two, and loses much where the cores are taken."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
