"""Tokenizers: any Hugging Face tokenizer by path, and a small byte-level BPE that is trained on the corpus itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annealing.errors import TrainerError

# One thread a call: the loader tokenises several blocks side by side, and Rust threads below those would only fight.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

BOS, EOS = "<s>", "</s>"
PIECES = 16_000
_FILE = "tokenizer.json"


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer with the ids that begin and end a document (no id: documents begin with nothing)."""

    folder: Path
    core: Any
    bos: int | None
    eos: int
    sha256: str

    @property
    def size(self) -> int:
        """Ids it can give, the added ones among them."""
        return int(self.core.get_vocab_size(with_added_tokens=True))

    def documents(self, texts: list[str]) -> list[np.ndarray]:
        """Each text as uint32 ids, begun and ended as a document is."""
        head = [] if self.bos is None else [self.bos]
        found = self.core.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array([*head, *one.ids, self.eos], dtype=np.uint32) for one in found]

    def plain(self, texts: list[str]) -> list[list[int]]:
        """Each text as ids, nothing added."""
        return [one.ids for one in self.core.encode_batch_fast(texts, add_special_tokens=False)]


def open_tokenizer(place: Path) -> Tokenizer:
    """The tokenizer of a folder, or of a tokenizer.json.

    Errors: TrainerError when there is none, or when it has no token that ends a document.
    """
    from tokenizers import Tokenizer as Core

    folder = place if place.is_dir() else place.parent
    path = folder / _FILE if place.is_dir() else place
    if not path.is_file():
        raise TrainerError(f"{place} holds no tokenizer.json", "name a folder of a Hugging Face tokenizer")
    core = Core.from_file(str(path))
    core.no_padding()
    core.no_truncation()
    bos, eos = (_special(folder, core, kind) for kind in ("bos", "eos"))
    if eos is None:
        raise TrainerError(
            f"{folder}: which token ends a document is said nowhere", "add eos_token to its tokenizer_config.json"
        )
    return Tokenizer(folder, core, bos, eos, hashlib.sha256(path.read_bytes()).hexdigest())


def _special(folder: Path, core: Any, kind: str) -> int | None:
    """The id of the token that begins or ends a document, from whichever file says it."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = _read(folder / name).get(f"{kind}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str) and core.token_to_id(token) is not None:
            return int(core.token_to_id(token))
    for name in ("generation_config.json", "config.json"):
        number = _read(folder / name).get(f"{kind}_token_id")
        number = number[0] if isinstance(number, list) and number else number
        if isinstance(number, int):
            return number
    return None


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def train(texts: Iterable[str], folder: Path, pieces: int = PIECES) -> Tokenizer:
    """Train a byte-level BPE and write it as a Hugging Face folder.

    Any text can be written with it, for all 256 bytes are pieces. Numbers are cut into single digits, and a run of
    Chinese signs is a word like any other, so that frequent words of both languages become pieces. The same texts give
    the same tokenizer. Errors: TrainerError when the texts are too few for a single merge.
    """
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Core

    core = Core(models.BPE())
    # As GPT-4's pattern, with digits one by one and Chinese apart from Latin letters.
    pattern = Regex(r"'(?:[sdmt]|ll|ve|re)|\d|\p{Han}{1,8}| ?[^\s\p{L}\d]+\n*| ?(?:(?!\p{Han})\p{L})+|\s+(?!\S)|\s+")
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pattern, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=[BOS, EOS], show_progress=False, min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    core.train_from_iterator(texts, trainer)
    if core.get_vocab_size() <= 258:
        raise TrainerError("the texts are too few to train a tokenizer on", "name more data, or a --tokenizer")
    folder.mkdir(parents=True, exist_ok=True)
    core.save(str(folder / _FILE))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS, "pad_token": EOS,
              "model_max_length": 131_072, "clean_up_tokenization_spaces": False}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return open_tokenizer(folder)
