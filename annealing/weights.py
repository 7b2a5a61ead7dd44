"""Hugging Face safetensors in and out, bit by bit: what is loaded and saved again in its own dtype is the same file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from annealing.errors import TrainerError
from annealing.model import Model
from annealing.shape import Shape

TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
    "generation_config.json", "tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json",
)  # fmt: skip
TRAINED = "training.json"  # beside the weights: how long the rows were, and what was held out
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_MAX_FILE = 5 << 30  # bytes of one safetensors file, as the hub prefers


def _names(shape: Shape) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each parameter of ours, and the Hugging Face tensors that lie in it one below the other."""
    yield "embed.weight", ("model.embed_tokens.weight",)
    for number in range(shape.num_hidden_layers):
        ours, theirs = f"layers.{number}", f"model.layers.{number}"
        yield f"{ours}.attention_norm.weight", (f"{theirs}.input_layernorm.weight",)
        for kind in ("weight", "bias") if shape.attention_bias else ("weight",):
            yield f"{ours}.qkv.{kind}", tuple(f"{theirs}.self_attn.{part}_proj.{kind}" for part in "qkv")
        if shape.qk_norm:
            yield f"{ours}.q_norm.weight", (f"{theirs}.self_attn.q_norm.weight",)
            yield f"{ours}.k_norm.weight", (f"{theirs}.self_attn.k_norm.weight",)
        yield f"{ours}.out.weight", (f"{theirs}.self_attn.o_proj.weight",)
        yield f"{ours}.mlp_norm.weight", (f"{theirs}.post_attention_layernorm.weight",)
        yield f"{ours}.gate_up.weight", tuple(f"{theirs}.mlp.{part}_proj.weight" for part in ("gate", "up"))
        yield f"{ours}.down.weight", (f"{theirs}.mlp.down_proj.weight",)
    yield "norm.weight", ("model.norm.weight",)
    if not shape.tie_word_embeddings:
        yield "head.weight", ("lm_head.weight",)


def _heights(shape: Shape, ours: str) -> tuple[int, ...]:
    """How many rows of a parameter of ours belong to each of the tensors in it."""
    if ".qkv." in ours:
        return shape.qkv_widths
    return (shape.intermediate_size,) * 2 if ".gate_up." in ours else ()


def to_hf(shape: Shape, state: dict[str, Tensor], dtype: torch.dtype, folded: bool = False) -> dict[str, Tensor]:
    """Parameters under their Hugging Face names.

    ``folded``: muP's factors are multiplied into the weights, so that a plain Llama gives the same logits.
    """
    found: dict[str, Tensor] = {}
    for ours, theirs in _names(shape):
        weight = state[ours] * _fold(shape, ours) if folded and shape.mup else state[ours]
        parts = weight.split(_heights(shape, ours)) if len(theirs) > 1 else (weight,)
        found |= {name: part.to(dtype).contiguous() for name, part in zip(theirs, parts, strict=True)}
    return found


def _fold(shape: Shape, ours: str) -> float:
    if ours == "embed.weight":
        return shape.scale_emb
    if ours == "head.weight":
        return shape.logit_scale
    return shape.branch_scale if ours.endswith(("out.weight", "down.weight")) else 1.0


def load(folder: Path, model: Model) -> str:
    """Fill a model with the weights of a Hugging Face folder; returns the name of their dtype.

    Errors: TrainerError for weights that are missing, too many or of another shape.
    """
    files = _files(folder)
    handles = [safe_open(path, framework="pt") for path in files]
    where = {name: handle for handle in handles for name in list(handle.keys())}
    state, used, dtype = model.state_dict(), set(), None
    with torch.no_grad():
        for ours, theirs in _names(model.shape):
            missing = [name for name in theirs if name not in where]
            if missing:
                raise TrainerError(f"{folder} lacks the weight {missing[0]}", "its config.json is of another model")
            weight = torch.cat([where[name].get_tensor(name) for name in theirs])
            if weight.shape != state[ours].shape:
                raise TrainerError(
                    f"{folder}: {theirs[0]} is {tuple(weight.shape)}, config.json says {tuple(state[ours].shape)}"
                )
            state[ours].copy_(weight)
            used |= set(theirs)
            dtype = dtype or str(weight.dtype).removeprefix("torch.")
    left = set(where) - used - {"lm_head.weight"} - {name for name in where if name.endswith("rotary_emb.inv_freq")}
    if left:
        raise TrainerError(f"{folder} holds weights this model has no place for: {', '.join(sorted(left)[:3])}")
    return dtype or "float32"


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    single = folder / "model.safetensors"
    if not single.is_file():
        raise TrainerError(f"{folder} holds no model.safetensors", "convert the weights to safetensors first")
    return [single]


def save(
    folder: Path, shape: Shape, state: dict[str, Tensor], dtype: str, tokenizer: Path, folded: bool = True
) -> None:
    """Write a Hugging Face folder: weights, config.json and the files of the tokenizer.

    ``folded``: as a plain Llama, whatever muP it was trained with. Errors: OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = to_hf(shape, state, DTYPES[dtype], folded)
    groups: list[dict[str, Tensor]] = [{}]
    for name, tensor in tensors.items():
        if groups[-1] and sum(each.nbytes for each in groups[-1].values()) + tensor.nbytes > _MAX_FILE:
            groups.append({})
        groups[-1][name] = tensor
    names = ["model.safetensors"]
    if len(groups) > 1:
        names = [f"model-{number + 1:05d}-of-{len(groups):05d}.safetensors" for number in range(len(groups))]
        placed = {name: file for file, group in zip(names, groups, strict=True) for name in group}
        total = sum(tensor.nbytes for tensor in tensors.values())
        write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": placed})
    for file, group in zip(names, groups, strict=True):
        save_file(group, folder / file, metadata={"format": "pt"})
    # Folded weights need no factors. A tied head could not carry one of its own, and plan.make refuses such a model.
    plain = replace(shape, scale_emb=1.0, scale_depth=0.0, dim_model_base=0) if folded else shape
    write_json(folder / "config.json", plain.to_config(dtype))
    copy_tokenizer(tokenizer, folder)


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Put the files of a tokenizer beside the weights."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file() and (source / name).resolve() != (folder / name).resolve():
            shutil.copyfile(source / name, folder / name)


def write_json(path: Path, body: Any) -> None:
    """Write JSON whole: to a file beside it, then renamed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)
