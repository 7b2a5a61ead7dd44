"""The model against transformers' own, its loss against the plain one, and weights there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from annealing import weights
from annealing.errors import TrainerError
from annealing.head import head_loss
from annealing.model import Model
from annealing.shape import Shape, preset, read_shape

BASE = {"vocab_size": 320, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}  # fmt: skip
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "wide heads": ("Llama", {"head_dim": 32}),
    "tied": ("Llama", {"tie_word_embeddings": True}),
    "llama 3 rope": ("Llama", {"rope_parameters": LLAMA3}),
    "qwen2": ("Qwen2", {}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
}


@pytest.fixture(params=KINDS)
def theirs(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Any]:
    """A model of transformers with random weights, and its folder."""
    import transformers

    name, more = KINDS[request.param]
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**BASE, **more))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)  # norms and biases too
    model.save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs", model


def test_logits_are_those_of_transformers(theirs: tuple[Path, Any]) -> None:
    folder, reference = theirs
    model = Model(read_shape(folder))
    weights.load(folder, model)
    ids = torch.randint(0, 320, (2, 96))
    with torch.no_grad():
        assert torch.allclose(model.logits(ids), reference(ids).logits, atol=2e-5)


def test_weights_there_and_back_are_the_same_bits(theirs: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = theirs
    shape = read_shape(folder)
    model = Model(shape)
    dtype = weights.load(folder, model)
    weights.save(tmp_path / "ours", shape, model.state_dict(), dtype, folder)
    before, after = (load_file(place / "model.safetensors") for place in (folder, tmp_path / "ours"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    assert read_shape(tmp_path / "ours") == shape


def test_a_model_trained_with_mup_is_saved_as_a_plain_llama_of_the_same_logits(tmp_path: Path, start: Path) -> None:
    shape = Shape(**{**preset("5m", mup=True).__dict__, "vocab_size": 400, "num_hidden_layers": 2})
    model = Model(shape)
    model.initialize(0)
    weights.save(tmp_path / "plain", shape, model.state_dict(), "float32", start)
    plain = read_shape(tmp_path / "plain")
    assert not plain.mup and plain.to_config("float32")["architectures"] == ["LlamaForCausalLM"]
    other = Model(plain)
    weights.load(tmp_path / "plain", other)
    ids = torch.randint(0, 400, (1, 40))
    with torch.no_grad():
        assert torch.allclose(model.logits(ids), other.logits(ids), rtol=1e-4, atol=1e-4)


def test_weights_that_are_missing_or_too_many_are_named(start: Path, tmp_path: Path) -> None:
    shape = read_shape(start)
    with pytest.raises(TrainerError, match=r"lacks the weight model\.layers\.2"):
        weights.load(start, Model(Shape(**{**shape.__dict__, "num_hidden_layers": 3})))
    with pytest.raises(TrainerError, match="no place for"):
        weights.load(start, Model(Shape(**{**shape.__dict__, "num_hidden_layers": 1})))
    with pytest.raises(TrainerError, match=r"no model\.safetensors"):
        weights.load(tmp_path, Model(shape))


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_the_loss_in_pieces_is_the_plain_one_and_so_are_its_gradients(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annealing.head.PIECE_LOGITS_CPU", 7 * 50)
    hidden, matrix = (torch.randn(size, 16, requires_grad=True) for size in (23, 50))
    targets = torch.randint(0, 50, (23,))
    targets[4:6] = -100
    loss = head_loss(hidden, matrix, targets, torch.tensor(21.0), scale)
    plain = torch.nn.functional.cross_entropy(hidden @ matrix.t() * scale, targets)
    ours, reference = (torch.autograd.grad(value, (hidden, matrix)) for value in (loss, plain))
    assert torch.allclose(loss, plain)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, reference, strict=True))


def test_with_a_document_mask_a_document_is_read_as_if_it_were_alone(start: Path) -> None:
    model = Model(read_shape(start))
    weights.load(start, model)
    ids = torch.randint(0, 400, (1, 50))
    starts = torch.where(torch.arange(50) < 20, 0, 20)[None]
    with torch.no_grad():
        assert torch.allclose(model.hidden(ids, starts)[:, 20:], model.hidden(ids[:, 20:]), atol=1e-5)
        assert not torch.allclose(model.hidden(ids)[:, 20:], model.hidden(ids[:, 20:]), atol=1e-3)


def test_layers_computed_again_give_the_same_gradients(start: Path) -> None:
    model = Model(read_shape(start))
    weights.load(start, model)
    ids, found = torch.randint(0, 400, (2, 30)), []
    for model.recompute in (False, True):
        model.zero_grad()
        model(ids, ids, torch.tensor(60.0)).backward()
        found.append([weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
