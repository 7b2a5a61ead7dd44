"""What names have in common that are the same name: case, width, script variant, marks and plurals fold away."""

from __future__ import annotations

import hashlib
import re

import polars as pl
import pyarrow as pa

from stages.chinese import simplified_forms
from stages.name_patterns import HAN
from synth.rarity import weight

COMMON = 0.65  # weight of a word that is too common to be a name by a capital alone: table, note, value
RARE = 1.4  # weight of a word that is rare or unknown: no sentence opens with it but by name
# "PL/SQL" has the form of an acronym, and so have "W3C", "UTF-8" and "APIs"; "C" and "PostgreSQL" have not.
ACRONYM = r"(?:[A-Z][A-Z0-9]*(?:[-/&.][A-Z0-9]+)*\d*)(?:s|\+\+|#)?"
_ACRONYM = re.compile(ACRONYM)


def fold_names(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The key of each name: names with the same key are one name.

    NFKC, lower case, simplified characters, words of letters, digits, + and # with one space between, none beside a Han
    character. Of the plural only what the form makes certain goes: the s of an acronym (APIs), and that of a common
    noun that closes a name of several words (Debian Developers); Windows, Postgres and Kubernetes stay.
    An empty string where a name holds no letter or digit.
    """
    column = pl.Series("name", names, dtype=pl.String).to_frame()
    distinct = column.unique(maintain_order=True)
    plain = pl.col("name").str.normalize("NFKC").str.replace(r"^(.*[A-Z0-9]{2})s$", "${1}")
    key = (
        plain.str.to_lowercase()
        .str.replace_many(simplified_forms())
        .str.replace_all(r"[^\p{L}\p{M}\p{N}+#]+", " ")
        .str.replace_all(rf"({HAN}) +", "${1}")
        .str.replace_all(rf" +({HAN})", "${1}")
        .str.strip_chars()
    )
    folded = distinct.with_columns(key=key)
    folded = folded.with_columns(key=pl.col("key").map_elements(_singular, return_dtype=pl.String))
    return column.join(folded, on="name", how="left", maintain_order="left")["key"].to_arrow().cast(pa.string())


def _singular(key: str) -> str:
    """A key whose last word, a common noun, is in the singular; a name of one word stays as it is."""
    first, _, last = key.rpartition(" ")
    if not first or not last.endswith("s") or last.endswith(("ss", "us", "is", "ws")) or len(last) < 5:
        return key
    singular = f"{last[:-3]}y" if last.endswith("ies") else last[:-1]
    return f"{first} {singular}" if weight(singular) < RARE else key


def is_acronym(name: str) -> bool:
    """Whether a name has the form of an acronym of two or more letters or digits."""
    return len(name) > 1 and len(name) <= 12 and _ACRONYM.fullmatch(name) is not None


def entity_uid(key: str) -> str:
    """The uid of the entity of a key: 32 hex digits."""
    return hashlib.sha256(f"entity {key}".encode()).hexdigest()[:32]


def language_of(name: str) -> str:
    """The language of a name by its script: zh with a Han character in it, else en."""
    return "zh" if re.search(HAN, name) else "en"
