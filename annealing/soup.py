"""The uniform average of models of one shape, such as the seeds of a branch ("model soup", arXiv:2203.05482)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from annealing import weights
from annealing.errors import TrainerError
from annealing.model import Model
from annealing.shape import read_shape
from annealing.tokens import open_tokenizer


def average(folders: Sequence[Path], output: Path) -> Path:
    """Average the weights of Hugging Face folders, summed in float64, and write them in the first one's dtype.

    Errors: TrainerError for no folder, other shapes or other tokenizers; nothing is written then.
    """
    if not folders:
        raise TrainerError("there is nothing to average", "name at least one model folder")
    shape, tokenizer = read_shape(folders[0]), open_tokenizer(folders[0]).sha256
    for folder in folders[1:]:
        if read_shape(folder) != shape:
            raise TrainerError(f"{folder} has another shape than {folders[0]}", "average models of one shape")
        if open_tokenizer(folder).sha256 != tokenizer:
            raise TrainerError(f"{folder} has another tokenizer than {folders[0]}", "average models of one tokenizer")
    model, dtype = Model(shape), ""
    total = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in model.state_dict().items()}
    for folder in folders:
        loaded = weights.load(folder, model)
        dtype = dtype or loaded
        for name, value in model.state_dict().items():
            total[name] += value
    mean = {name: (value / len(folders)).float() for name, value in total.items()}
    weights.save(output, shape, mean, dtype, folders[0], folded=False)
    if (folders[0] / weights.TRAINED).is_file():
        shutil.copyfile(folders[0] / weights.TRAINED, output / weights.TRAINED)
    return output
