"""Sizes of models, as they are published."""

from __future__ import annotations

import pytest

from annealing.errors import TrainerError
from annealing.model import Model
from annealing.shape import PRESETS, Shape, preset


def test_minicpm5_1b_has_the_published_number_of_parameters() -> None:
    assert PRESETS["1b"].parameters == 1_080_632_832
    assert PRESETS["1b"].parameters - 2 * PRESETS["1b"].head_parameters == 679_552_512


def test_a_token_of_minicpm5_1b_costs_the_published_arithmetic() -> None:
    assert PRESETS["1b"].flops_per_token(4096) / 1e9 == pytest.approx(7.70, abs=0.005)
    assert PRESETS["1b"].flops_per_token(4096, causal=True) / 1e9 == pytest.approx(6.49, abs=0.005)


@pytest.mark.parametrize(("name", "size"), [("5m", 5e6), ("60m", 60e6), ("250m", 250e6), ("1b", 1.08e9)])
def test_a_preset_is_as_large_as_its_name_says(name: str, size: float) -> None:
    assert preset(name).parameters == pytest.approx(size, rel=0.05)


def test_a_model_has_the_parameters_that_its_shape_counts() -> None:
    for shape in (PRESETS["5m"], Shape(300, 32, 96, 2, 4, 2, 8, True, qk_norm=True, attention_bias=True)):
        assert sum(weight.numel() for weight in Model(shape).parameters()) == shape.parameters


@pytest.mark.parametrize("shape", [PRESETS["1b"], preset("5m", mup=True), Shape(300, 32, 96, 2, 4, 2, 8, qk_norm=True)])
def test_a_shape_comes_back_from_its_config(shape: Shape) -> None:
    assert Shape.from_config(shape.to_config("bfloat16"), "config.json") == shape


@pytest.mark.parametrize(
    "change",
    [{"model_type": "gpt2"}, {"hidden_act": "gelu"}, {"mlp_bias": True}, {"rope_scaling": {"rope_type": "yarn"},
      "rope_parameters": None}],
)  # fmt: skip
def test_what_is_no_llama_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(TrainerError, match=r"supported|no Llama"):
        Shape.from_config({**PRESETS["5m"].to_config("float32"), **change}, "config.json")


def test_an_unknown_preset_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(TrainerError) as caught:
        preset("7b")
    assert "5m, 60m, 250m, 1b" in caught.value.remedy
