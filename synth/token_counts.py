"""How many tokens a text has, without loading a model: by its tokenizer where that lies here, else by its length."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth.models import DEFAULT_MODEL, MARKER, model_cache

# Characters a token, on the pages of the bundled crawl: of SmolLM2's tokenizer in English, of DeepSeek-V2's in Chinese.
CHARS_PER_TOKEN = {"en": 4.5, "zh": 2.1}
_FEWEST = min(CHARS_PER_TOKEN.values())  # of a language that is not known, so that its tokens are not underrated
_TOKENS_A_TURN = 5  # what a chat template writes around one turn: ChatML has "<|im_start|>role\n" and "<|im_end|>\n"


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens of texts of one language. ``source`` says by what."""

    source: str
    is_exact: bool  # by the model's own tokenizer
    count: Callable[[Sequence[str], str], list[int]]  # (texts, language) -> tokens of each

    def of_chats(self, chats: Sequence[Sequence[dict[str, str]]], language: str) -> list[int]:
        """Tokens of each chat, with those of the chat template around its turns."""
        counts = iter(self.count([turn["content"] for chat in chats for turn in chat], language))
        return [sum(next(counts) + _TOKENS_A_TURN for _ in chat) for chat in chats]


def open_counter(model: str, revision: str | None = None) -> TokenCounter:
    """The counter for a model.

    Args: model as configured: the bundled name, a folder, a Hugging Face id, or whatever a server calls it.
    """
    file = find_tokenizer(model, revision)
    if file is None:
        told = ", ".join(f"{chars:g} in {language}" for language, chars in CHARS_PER_TOKEN.items())
        return TokenCounter(f"by length, the tokenizer of {model} not being here; characters a token: {told}", False,
                            _by_length)  # fmt: skip
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))

    def by_tokenizer(texts: Sequence[str], language: str) -> list[int]:
        return [len(found.ids) for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    return TokenCounter(f"with the tokenizer of {model}", True, by_tokenizer)


def _by_length(texts: Sequence[str], language: str) -> list[int]:
    per = CHARS_PER_TOKEN.get(language, _FEWEST)
    return [round(len(text) / per) for text in texts]


def find_tokenizer(model: str, revision: str | None = None) -> Path | None:
    """The model's tokenizer.json where it lies on this machine; nothing is fetched or converted."""
    if model == DEFAULT_MODEL:
        converted = model_cache() / DEFAULT_MODEL
        return _there(converted / "tokenizer.json") if (converted / MARKER).is_file() else None
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _there(folder / "tokenizer.json")
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cached = home / "hub" / f"models--{model.replace('/', '--')}"
    reference = cached / "refs" / (revision or "main")
    commit = reference.read_text().strip() if reference.is_file() else revision or ""
    return _there(cached / "snapshots" / commit / "tokenizer.json") if commit else None


def _there(file: Path) -> Path | None:
    return file if file.is_file() else None
