"""The shape of a Llama-family model: read from and written to a Hugging Face config.json, and the presets.

The presets keep what makes MiniCPM5-1B what it is: few key and value heads, heads of a width of their own, a
feed-forward layer of three times the hidden width, an untied head.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from annealing.errors import TrainerError

_PLAIN_ROPE = {"rope_type": "default"}
_ROPE_TYPES = ("default", "linear", "llama3")
# Model types whose layers are those of Llama; a bias or a norm of queries and keys is read off the weights.
_FAMILY = ("llama", "mistral", "qwen2", "qwen3", "minicpm")


@dataclass(frozen=True)
class Shape:
    """Sizes of a model, under the names of config.json."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    tie_word_embeddings: bool = False
    rms_norm_eps: float = 1e-6
    rope_theta: float = 5_000_000.0
    rope: dict[str, Any] = field(default_factory=lambda: dict(_PLAIN_ROPE))  # type and factors of a stretched rope
    max_position_embeddings: int = 131_072
    attention_bias: bool = False  # of queries, keys and values, as in Qwen2
    qk_norm: bool = False  # norm of queries and keys by head, as in Qwen3
    bos_token_id: int = 0
    eos_token_id: int = 1
    initializer_range: float = 0.02
    # muP as MiniCPM scales it; these values change nothing.
    scale_emb: float = 1.0
    scale_depth: float = 0.0  # 0: the branches are added as they are; else times scale_depth / sqrt(layers)
    dim_model_base: int = 0  # 0: logits as they are; else divided by hidden_size / dim_model_base

    @property
    def mup(self) -> bool:
        """Whether any output is scaled."""
        return self.scale_emb != 1.0 or self.branch_scale != 1.0 or self.logit_scale != 1.0

    @property
    def branch_scale(self) -> float:
        """Factor of what each attention and feed-forward adds."""
        return self.scale_depth / math.sqrt(self.num_hidden_layers) if self.scale_depth else 1.0

    @property
    def logit_scale(self) -> float:
        """Factor of the logits."""
        return self.dim_model_base / self.hidden_size if self.dim_model_base else 1.0

    @property
    def qkv_widths(self) -> tuple[int, int, int]:
        """Widths of queries, keys and values, side by side in one matrix."""
        narrow = self.num_key_value_heads * self.head_dim
        return self.num_attention_heads * self.head_dim, narrow, narrow

    @property
    def layer_matmul_parameters(self) -> int:
        """Parameters of one layer that a token is multiplied with."""
        queries, keys, values = self.qkv_widths
        return self.hidden_size * (2 * queries + keys + values + 3 * self.intermediate_size)

    @property
    def head_parameters(self) -> int:
        """Parameters of the head, which is 22.8 % of MiniCPM5-1B's work."""
        return self.hidden_size * self.vocab_size

    @property
    def parameters(self) -> int:
        """All parameters; a tied head counts once."""
        small = 2 * self.hidden_size + (2 * self.head_dim if self.qk_norm else 0)
        small += sum(self.qkv_widths) if self.attention_bias else 0
        layers = self.num_hidden_layers * (self.layer_matmul_parameters + small)
        return layers + self.hidden_size + self.head_parameters * (1 if self.tie_word_embeddings else 2)

    def flops_per_token(self, seq_len: int, causal: bool = False) -> float:
        """Floating point operations a trained token costs, forward and backward.

        The embedding multiplies nothing. ``causal`` counts the half of the attention that a causal mask leaves; without
        it this is the convention of Megatron and of most published figures (7.70 GFLOP for MiniCPM5-1B at 4096).
        """
        matmul = self.num_hidden_layers * self.layer_matmul_parameters + self.head_parameters
        attention = 12 * self.num_hidden_layers * self.num_attention_heads * self.head_dim * seq_len
        return 6 * matmul + (attention / 2 if causal else attention)

    def to_config(self, dtype: str) -> dict[str, Any]:
        """The config.json of these sizes: plain Llama, or MiniCPM where outputs are scaled."""
        body = {key: value for key, value in asdict(self).items() if key not in ("rope", "qk_norm", *_MUP)}
        rope = {"rope_theta": self.rope_theta, **self.rope}
        kind = "minicpm" if self.mup else "qwen3" if self.qk_norm else "qwen2" if self.attention_bias else "llama"
        name = {"minicpm": "MiniCPM", "qwen3": "Qwen3", "qwen2": "Qwen2", "llama": "Llama"}[kind]
        extra = {key: getattr(self, key) for key in _MUP} if self.mup else {}
        # Older readers know only rope_theta and rope_scaling, newer ones rope_parameters.
        scaling = None if self.rope == _PLAIN_ROPE else self.rope
        return {
            "architectures": [f"{name}ForCausalLM"], "model_type": kind, "hidden_act": "silu", "mlp_bias": False,
            **body, **extra, "rope_scaling": scaling, "rope_parameters": rope, "torch_dtype": dtype, "dtype": dtype,
        }  # fmt: skip

    @staticmethod
    def from_config(config: dict[str, Any], where: str) -> Shape:
        """The sizes of a config.json. Errors: TrainerError for a family or variant that is not known here."""
        kind = config.get("model_type")
        if kind not in _FAMILY:
            raise TrainerError(
                f"{where}: model_type {kind!r} is no Llama-family model", f"use one of {', '.join(_FAMILY)}"
            )
        for name, fine in (("hidden_act", ("silu", None)), ("mlp_bias", (False, None)), ("sliding_window", (None,))):
            used = name != "sliding_window" or config.get("use_sliding_window", kind == "mistral")
            if used and config.get(name) not in fine:
                raise TrainerError(f"{where}: {name} = {config[name]!r} is not supported", "use a plain Llama model")
        heads = config["num_attention_heads"]
        given = {name: config[name] for name in _SAME if config.get(name) is not None}
        rope = _rope(config, where)
        eos = config.get("eos_token_id", 1)
        return Shape(
            **given,
            num_key_value_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            rope_theta=float(rope.pop("rope_theta", 10_000.0)),
            rope=rope,
            attention_bias=kind == "qwen2" or bool(config.get("attention_bias")),
            qk_norm=kind == "qwen3",
            bos_token_id=config.get("bos_token_id") or 0,
            eos_token_id=eos[0] if isinstance(eos, list) else eos,
        )


_MUP = ("scale_emb", "scale_depth", "dim_model_base")
_SAME = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps",
    "tie_word_embeddings", "max_position_embeddings", "initializer_range", *_MUP,
)  # fmt: skip


def _rope(config: dict[str, Any], where: str) -> dict[str, Any]:
    """The rope's type, theta and factors, from either of the two places where files have them."""
    found = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    if "rope_theta" in config:
        found["rope_theta"] = config["rope_theta"]
    found["rope_type"] = found.pop("type", None) or found.get("rope_type") or "default"
    if found["rope_type"] not in _ROPE_TYPES:
        raise TrainerError(
            f"{where}: rope type {found['rope_type']!r} is not supported", f"known: {', '.join(_ROPE_TYPES)}"
        )
    return found


def read_shape(folder: Path) -> Shape:
    """The shape of a model folder. Errors: TrainerError."""
    path = folder / "config.json"
    if not path.is_file():
        raise TrainerError(f"{folder} holds no config.json", "name a Hugging Face model folder, or a preset")
    return Shape.from_config(json.loads(path.read_text()), str(path))


def _minicpm5(
    layers: int, hidden: int, heads: int, kv_heads: int, head_dim: int, vocab: int, longest: int = 131_072
) -> Shape:
    return Shape(vocab, hidden, 3 * hidden, layers, heads, kv_heads, head_dim, max_position_embeddings=longest)


MINICPM4 = {"scale_emb": 12.0, "scale_depth": 1.4, "dim_model_base": 256, "initializer_range": 0.1}
# transformers refuses a hidden width that the number of heads does not divide, whatever the width of a head.
PRESETS: dict[str, Shape] = {
    "5m": _minicpm5(5, 128, 8, 1, 32, 16_000, 4096),
    "60m": _minicpm5(12, 512, 16, 2, 64, 16_000, 32_768),
    "250m": _minicpm5(20, 960, 20, 2, 64, 16_000, 32_768),
    "1b": _minicpm5(24, 1536, 16, 2, 128, 130_560),
}


def preset(name: str, mup: bool = False) -> Shape:
    """A preset by name, with MiniCPM4's muP settings if asked. Errors: TrainerError for an unknown name."""
    if name not in PRESETS:
        raise TrainerError(f"there is no preset {name!r}", f"choose one of {', '.join(PRESETS)}")
    return replace(PRESETS[name], **MINICPM4) if mup else PRESETS[name]
