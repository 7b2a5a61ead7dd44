"""What outputs of L3 are compared by: each other's words and questions, and the words of other documents of L2.

An output is short, so its shingles are 3 words or 5 Chinese characters: of 40 words one may differ, of 60 two, of a
page's 5-word shingles one changed word in 40 would already leave a similarity of 0.76. Texts are short enough that the
true similarity of every candidate is counted, never estimated.

Whether an output says what another document of L2 says is a question of containment, not of likeness: the document is
longer. Both sides keep the 5-word shingles whose hash is a multiple of ``l2_sample`` (FracMinHash, Irber et al. 2022),
so the share of an output's that a document holds estimates its containment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from stages.codepoints import flag_table, lower_table, view_text
from stages.contract import Config
from stages.dedup import KEYS, band_rows, uid_to_bytes
from stages.minhash import DedupConfig, exact_hashes, shingle_sets, sign
from stages.rules import language_codes
from stages.uids import UID

if TYPE_CHECKING:
    import polars as pl

# Kinds of pairs as ``stages.dedup`` numbers them: near, one key that is no band's, exact (which has no case here).
KINDS = ("near_duplicate", "same_question", "same_question")
IN_L2 = "in_l2"
# A sampled shingle of an output, with the document it was written from and how many the output has of them.
SAMPLED = pa.schema([("key", pa.uint64()), ("uid", UID), ("parent", UID), ("sampled", pa.int32())])
HOLDERS = pa.schema([("key", pa.uint64()), ("document", UID)])  # a document of L2 that holds a shingle
SHARED = pa.schema([("uid", UID), ("document", UID), ("sampled", pa.int32()), ("shared", pa.int32())])
CONTAINED = pa.schema([("uid", UID), ("document", UID), ("share", pa.float32())])
_QUESTION_BIT = np.uint64(1)
_MIN_SAMPLED = 4  # sampled shingles below which a share of them says nothing
MOST_DOCUMENTS = 64  # that hold a shingle: a commonplace is no evidence, and would pair everything with everything


class OutputDedupConfig(Config):
    """When an output adds nothing to the others, or to L2."""

    enabled: bool = True
    # What an output is compared with: the other outputs of the dump, or the other documents of its L2 too, which costs
    # reading L2 once more and 24 bytes of disk a sampled shingle while the tier is built.
    scope: Literal["outputs", "l2"] = "l2"
    threshold: float = Field(default=0.75, gt=0, le=1)  # Jaccard similarity of shingles from which outputs are alike
    word_ngram: int = Field(default=3, ge=1)  # words of an English shingle
    character_ngram: int = Field(default=5, ge=1)  # characters of a Chinese shingle
    # At 0.75 a pair shares one of 20 bands of 5 hashes with probability 0.996. Candidates may be many: all are counted.
    bands: int = Field(default=20, ge=1, le=1000)
    rows: int = Field(default=5, ge=1, le=1000)
    seed: int = Field(default=1, ge=0)
    # Within what a question is asked once, whatever the answer: a question that stands for itself has one answer.
    same_question: Literal["dump", "document", "off"] = "dump"
    max_l2_ratio: float = Field(default=0.75, gt=0, le=1)  # share of an output's 5-grams in one other document of L2
    l2_sample: int = Field(default=4, ge=1)  # one shingle in so many is compared with L2

    @property
    def minhash(self) -> DedupConfig:
        """The signatures of outputs."""
        return DedupConfig(
            word_ngram=self.word_ngram, character_ngram=self.character_ngram, seed=self.seed, threshold=self.threshold,
            bands=self.bands, rows=self.rows,
        )  # fmt: skip


def texts_of(outputs: pa.Table) -> pa.Table:
    """What counts as the text of an output: of a pair the question and the answer, else what was written.

    In:  uid, lang, text, question, answer string.
    Out: uid, lang, and content string.
    """
    pair = pc.binary_join_element_wise(outputs["question"], outputs["answer"], "\n")
    content = pc.coalesce(pair, outputs["text"])
    return pa.table({"uid": outputs["uid"], "lang": outputs["lang"], "content": content})


def output_rows(outputs: pa.Table, cfg: OutputDedupConfig) -> pa.Table:
    """The buckets that outputs fall into: one a band, and one for the question.

    In:  uid, parent_uid, lang, text, question, answer string.
    Out: KEYS; the lowest bit of key is 1 for a question; length is 0, so that the smallest uid is the best.
    """
    texts = texts_of(outputs)
    none = pa.nulls(len(texts), pa.string())
    signed = sign(texts.append_column("url", none).append_column("canonical_url", none), cfg.minhash)
    bands = band_rows(signed, cfg.minhash)
    rows = pa.concat_tables([bands.select(["key", "uid"]), _question_rows(outputs, cfg)])
    return rows.append_column("length", pa.array(np.zeros(len(rows), np.int32))).cast(KEYS).combine_chunks()


def _question_rows(outputs: pa.Table, cfg: OutputDedupConfig) -> pa.Table:
    """One key a question: its normalised words, and its document where the same may be asked of another one."""
    asked = outputs.filter(pc.is_valid(outputs["question"])) if cfg.same_question != "off" else outputs.slice(0, 0)
    words = pc.binary_join_element_wise(asked["lang"], _bare(asked["question"]), " ")
    if cfg.same_question == "document":
        words = pc.binary_join_element_wise(asked["parent_uid"], words, " ")
    digests, _ = exact_hashes(view_text(words))
    keys = np.ascontiguousarray(digests[:, :8]).view("<u8").ravel().astype(np.uint64) | _QUESTION_BIT
    return pa.table({"key": keys, "uid": uid_to_bytes(asked["uid"])})


def _bare(questions: pa.ChunkedArray) -> pa.ChunkedArray:
    """Questions without their punctuation, which decides nothing."""
    return pc.replace_substring_regex(questions, r"[\pP\pS]+", " ")


def output_shingles(outputs: pa.Table, cfg: OutputDedupConfig) -> pa.Array:
    """The shingles of each output, sorted list of uint32, by which its similarity to another is counted."""
    return shingle_sets(texts_of(outputs), cfg.minhash)


def sampled_of_outputs(outputs: pa.Table, sample: int) -> pa.Table:
    """SAMPLED of outputs with uid, parent_uid, lang, text, question, answer string."""
    keys, counts, rows = _sampled(texts_of(outputs), sample)
    uids, parents = (uid_to_bytes(outputs[name]).take(pa.array(rows)) for name in ("uid", "parent_uid"))
    return pa.table([keys, uids, parents, counts[rows]], schema=SAMPLED)


def sampled_of_documents(documents: pa.Table, sample: int) -> pa.Table:
    """HOLDERS of documents with uid, lang, content string."""
    keys, _, rows = _sampled(documents, sample)
    return pa.table([keys, uid_to_bytes(documents["uid"]).take(pa.array(rows))], schema=HOLDERS)


def _sampled(texts: pa.Table, sample: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct 5-word shingles (8 Chinese characters) of each row whose hash is a multiple of ``sample``: their
    hashes, how many each row has of them, int32, and the number of the row of each."""
    from stages.output_kernels import sampled_shingles

    view = view_text(texts["content"])
    default = DedupConfig()
    keys, offsets = sampled_shingles(
        view.data, view.offsets, language_codes(texts), flag_table(), lower_table(), default.word_ngram,
        default.character_ngram, sample, view.max_bytes,
    )  # fmt: skip
    counts = np.diff(offsets).astype(np.int32)
    return keys, counts, np.repeat(np.arange(len(counts)), counts)


def fewer_holders(holders: pa.Table) -> pa.Table:
    """HOLDERS without most of those of a shingle that too many hold: as many as still tell that they are too many."""
    import polars as pl

    found = pl.DataFrame(holders).filter(pl.int_range(pl.len()).over("key") <= MOST_DOCUMENTS)
    return _as(found, HOLDERS)


def shared_of(sampled: pa.Table, holders: pa.Table) -> pa.Table:
    """How many sampled shingles each output shares with each document of L2 but its own, as far as these tell.

    In:  SAMPLED and HOLDERS of one partition of the keys, in any order.
    Out: SHARED, sorted; of a shingle that more than MOST_DOCUMENTS hold nothing is told.
    """
    import polars as pl

    found = pl.DataFrame(holders).unique().filter(pl.len().over("key") <= MOST_DOCUMENTS)
    pairs = pl.DataFrame(sampled).join(found, on="key").filter(pl.col("parent") != pl.col("document"))
    counted = pairs.group_by("uid", "document", "sampled").agg(pl.len().cast(pl.Int32).alias("shared"))
    return _as(counted.sort("uid", "document"), SHARED)


def contained(shared: pa.Table, cfg: OutputDedupConfig) -> pa.Table:
    """The outputs of which one document of L2 that is not their own holds most, with the one that holds most.

    In:  SHARED of all keys, of any outputs.
    Out: uid, document, and share float32, one row an output, sorted.
    """
    import polars as pl

    sums = pl.DataFrame(shared).group_by("uid", "document", "sampled").agg(pl.col("shared").sum())
    share = (pl.col("shared") / pl.col("sampled")).cast(pl.Float32).alias("share")
    enough = pl.col("sampled") >= _MIN_SAMPLED
    most = pl.col("share") >= float(np.float32(cfg.max_l2_ratio))
    found = (
        sums.with_columns(share)
        .filter(enough, most)
        .sort(["uid", "share", "document"], descending=[False, True, False])
    )
    return _as(found.unique("uid", keep="first", maintain_order=True), CONTAINED)


def _as(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    columns = [frame[name].to_arrow().cast(schema.field(name).type) for name in schema.names]
    return pa.table(columns, schema=schema)
