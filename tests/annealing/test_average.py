"""Averages of weights: along a run, and of several runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from annealing import checkpoint, soup, weights
from annealing.average import Average
from annealing.errors import TrainerError
from annealing.model import Model
from annealing.recipe import Optimizer, Recipe, Safety
from annealing.shape import Shape, read_shape
from annealing.tokens import Tokenizer
from annealing.tokens import train as train_tokenizer

from .conftest import sentence, stop_at, train


def read(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_the_average_moves_towards_the_weights_by_what_its_decay_leaves(start: Path) -> None:
    model = Model(read_shape(start))
    model.initialize(0)
    average = Average(model, 0.9)
    before = {name: value.clone() for name, value in average.weights.items()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    average.update(model, 1000)
    assert all(torch.allclose(value, before[name] + 0.1, atol=1e-6) for name, value in average.weights.items())
    average.update(model, 0)  # at the start a tenth of it stays
    assert all(torch.allclose(value, before[name] + 0.91, atol=1e-6) for name, value in average.weights.items())


def test_the_average_of_a_stopped_run_is_that_of_the_unbroken_one(recipe: Recipe, tmp_path: Path) -> None:
    phase = replace(recipe.phases[0], tokens=12 * 256)
    recipe = replace(recipe, phases=(phase,), optimizer=Optimizer(ema=0.8), safety=Safety(every_steps=5))
    train(replace(recipe, output=str(tmp_path / "whole")))
    assert train(recipe, stop_at(7))["stopped"]
    train(recipe)
    one, other, last = (read(tmp_path / name) for name in ("run/model-ema", "whole/model-ema", "run/model"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(not torch.equal(one[name], last[name]) for name in one)
    assert (checkpoint.listed(tmp_path / "run")[-1] / checkpoint.AVERAGE).is_file()
    with pytest.raises(TrainerError, match="ema 1 is no share"):
        train(replace(recipe, optimizer=Optimizer(ema=1.0), output=str(tmp_path / "none")))


def folder(place: Path, shape: Shape, seed: int, tokenizer: Path) -> Path:
    model = Model(shape)
    model.initialize(seed)
    weights.save(place, shape, model.state_dict(), "float32", tokenizer)
    return place


def test_a_soup_is_the_mean_of_its_models_and_loads_as_they_do(start: Path, tmp_path: Path) -> None:
    import transformers

    places = [folder(tmp_path / str(seed), read_shape(start), seed, start) for seed in range(3)]
    found = read(soup.average(places, tmp_path / "soup"))
    models = [read(place) for place in places]
    for name, value in found.items():
        assert torch.allclose(value, torch.stack([one[name] for one in models]).mean(0), atol=1e-7)
    alone = read(soup.average(places[:1], tmp_path / "alone"))
    assert all(torch.equal(value, models[0][name]) for name, value in alone.items())
    transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "soup")


def test_models_of_another_shape_or_tokenizer_are_refused_and_nothing_is_written(
    start: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shape = read_shape(start)
    other = folder(tmp_path / "other", replace(shape, num_hidden_layers=1), 0, start)
    train_tokenizer([sentence(number) for number in range(50)], tmp_path / "tokenizer", 300)
    third = folder(tmp_path / "third", shape, 0, tmp_path / "tokenizer")
    for places, says in (([start, other], "another shape"), ([start, third], "another tokenizer"), ([], "nothing to")):
        with pytest.raises(TrainerError, match=says):
            soup.average(places, tmp_path / "soup")
    assert not (tmp_path / "soup").exists()
