"""L2 and L3: documents that hold items of question sets by which models are judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.codepoints import view_text
from stages.contamination_kernels import Found, find_texts
from stages.contract import Config, Resources, Stage
from stages.letters import folding
from stages.question_index import Limits, Questions, Sizes, build_index
from stages.question_sets import Fields, Item, read_set, set_paths, sets_identity

COLUMNS = {
    "decontaminate.set": pa.string(),
    "decontaminate.item": pa.int64(),
    "decontaminate.start": pa.int64(),
    "decontaminate.end": pa.int64(),
    "decontaminate.share": pa.float64(),
    "decontaminate.run": pa.int64(),
    "decontaminate.drop": pa.string(),
}
CONTAMINATED = "contaminated"
VERSION = 1  # bump if anything is found otherwise for the same configuration and sets
# A phrase of so many words that many items share is nobody's own. Chinese examinations ask in set phrases made of short
# pieces (下列对文中 ... 正确的一项是), English ones in whole clauses.
PHRASE_WORDS, PHRASE_CHARACTERS = 8, 6
_loaded: dict[str, Questions] = {}  # of this process, by configuration and bytes of the sets


class DecontaminateConfig(Config):
    """Look for the items of question sets, and reject what holds one.

    The 13 words are GPT-3's (arXiv:2005.14165, appendix C). A run of them alone rejects nothing: a share of the item
    decides. 13 characters is the fewest of which no n-gram of five Chinese sets stands on any of 2,002 Chinese pages:
    of 12 two pages share one, of 10 99, of 8 214. More find less: with every 12th to 24th character changed, 93 % of
    planted items are found with 13, 90 % with 16, 83 % with 20.
    """

    # JSONL, JSON or Parquet files, folders, globs, lm_eval:TASK for installed lm-eval tasks. None: nothing is checked.
    sets: tuple[str, ...] = ()
    fields: dict[str, Fields] = {}  # set -> the fields that hold question, context, choices and answer, if unusual
    ignore: tuple[str, ...] = ()  # items that reject nothing, as set:item
    word_ngram: int = Field(default=13, ge=8)  # words of a run that counts
    character_ngram: int = Field(default=13, ge=10)  # characters of one in Chinese and other scripts without spaces
    min_share: float = Field(default=0.6, gt=0, le=1)  # of an item's own words, those in such runs
    # A question with fewer words of its own is looked for together with its context, its choices or its answer; and
    # with fewer than min_joined together with those, not at all.
    min_question_words: int = Field(default=8, ge=5)
    min_question_characters: int = Field(default=12, ge=8)
    min_joined_words: int = Field(default=5, ge=4)
    min_joined_characters: int = Field(default=8, ge=8)
    max_repeats: int = Field(default=4, ge=1)  # items that may share a phrase before it is nobody's own
    # An item found in more rows of L1 than both of these is a commonplace of the dump, and rejects nothing.
    max_rows: int = Field(default=100, ge=1)
    max_rows_ratio: float = Field(default=0.002, ge=0, le=1)

    @field_validator("sets", "ignore")
    @classmethod
    def order_does_not_matter(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(names)))


def limits_of(cfg: DecontaminateConfig) -> Limits:
    """The limits of the index."""
    words = Sizes(
        max(cfg.word_ngram, cfg.min_question_words), cfg.min_question_words, cfg.min_joined_words, PHRASE_WORDS
    )
    characters = Sizes(
        max(cfg.character_ngram, cfg.min_question_characters), cfg.min_question_characters,
        cfg.min_joined_characters, PHRASE_CHARACTERS,
    )  # fmt: skip
    return Limits(words, characters, cfg.max_repeats)


def load_questions(cfg: DecontaminateConfig) -> Questions | None:
    """The index of a configuration, None without a set; kept in this process while the sets' bytes are the same.

    Errors: as ``questions_identity``; ValueError for a set that cannot be read, or a name that no set has.
    """
    if not cfg.sets:
        return None
    key = f"{cfg.model_dump_json()} {sets_identity(cfg.sets)}"
    if key not in _loaded:
        _loaded.clear()  # one index at a time, to bound the worker's memory
        sets = _read(cfg)
        _loaded[key] = build_index(sets, limits_of(cfg), _ignored(sets, cfg))
    return _loaded[key]


def _refuse_unknown(cfg: DecontaminateConfig, paths: dict[str, str]) -> None:
    """Errors: ValueError where ``fields`` or ``ignore`` name a set that is not there."""
    for setting, names in (("fields", cfg.fields), ("ignore", [one.rpartition(":")[0] for one in cfg.ignore])):
        for name in names:
            if name not in paths:
                raise ValueError(f"{setting} names the question set {name!r}; there are: {', '.join(paths)}")


def _ignored(sets: dict[str, list[Item]], cfg: DecontaminateConfig) -> frozenset[tuple[str, int]]:
    """The items to ignore. Errors: ValueError for one that is not there."""
    found = set()
    for one in cfg.ignore:
        name, _, number = one.rpartition(":")
        if not number.isdigit() or int(number) >= len(sets[name]):
            raise ValueError(f"ignore names {one!r}; {name} has items 0 to {len(sets[name]) - 1}")
        found.add((name, int(number)))
    return frozenset(found)


def check_sets(cfg: DecontaminateConfig) -> None:
    """Read every set once, so that a damaged one is told of before work starts. Errors: as ``load_questions``."""
    _ignored(_read(cfg), cfg)


def _read(cfg: DecontaminateConfig) -> dict[str, list[Item]]:
    paths = set_paths(cfg.sets)
    _refuse_unknown(cfg, paths)
    return {name: read_set(name, path, cfg.fields.get(name)) for name, path in paths.items()}


def questions_identity(cfg: DecontaminateConfig) -> dict[str, str]:
    """Set -> sha256. Errors: FileNotFoundError or ValueError naming what cannot be had."""
    return sets_identity(cfg.sets)


def decontaminate(batch: pa.Table, cfg: DecontaminateConfig, questions: Questions | None) -> pa.Table:
    """Mark documents that hold an item of a question set.

    In:     content string (n,)
    Out:    same n rows, same order, plus, of the item that a document holds most of,
            decontaminate.set string (n,)     name of the set, null where nothing is found
            decontaminate.item int64 (n,)     row of the set, from 0
            decontaminate.start, .end int64   the longest run, in characters of content
            decontaminate.share double (n,)   share of the item's own words found, 0 where nothing is; null where the
                                              check did not run: no set is configured, or content is null
            decontaminate.run int64 (n,)      words of the longest run
            decontaminate.drop string (n,)    contaminated: share is at least min_share; of an item with no more words
                                              than word_ngram, 1
    Source: n-gram overlap of arXiv:2005.14165, appendix C, measured as a share of the item.
    Errors: none from content; a missing column is a KeyError.
    """
    if questions is None:
        for name, kind in COLUMNS.items():
            batch = batch.append_column(name, pa.nulls(batch.num_rows, kind))
        return batch
    found = look(batch["content"], cfg, questions)
    there, checked = found.text >= 0, pc.is_valid(batch["content"]).to_numpy(zero_copy_only=False)
    texts = np.where(there, found.text, 0)
    names = np.array([*questions.names, ""], object)
    values = (
        names[questions.text_set[texts]] if len(questions.text_set) else np.full(len(texts), "", object),
        questions.text_item[texts] if len(questions.text_set) else texts,
        found.start, found.end, found.share, found.run, np.full(len(texts), CONTAMINATED, object),
    )  # fmt: skip
    masks = {"decontaminate.share": ~checked, "decontaminate.drop": ~found.hit}
    for (name, kind), column in zip(COLUMNS.items(), values, strict=True):
        batch = batch.append_column(name, pa.array(column, kind, mask=masks.get(name, ~there)))
    return batch


def screen(text: str, cfg: DecontaminateConfig, questions: Questions | None) -> dict[str, Any]:
    """The columns of one text, by name."""
    (row,) = decontaminate(pa.table({"content": [text]}), cfg, questions).drop_columns(["content"]).to_pylist()
    return row


def look(content: pa.ChunkedArray | pa.Array, cfg: DecontaminateConfig, questions: Questions) -> Found:
    """Compare texts with the index; a null text holds nothing."""
    view, rows = view_text(content), len(content)
    found = Found(
        np.full(rows, -1, np.int32), np.zeros(rows), *(np.zeros(rows, np.int32) for _ in range(3)),
        np.zeros(rows, bool), np.zeros(len(questions.text_set), np.int64),
    )  # fmt: skip
    find_texts(questions.index, view.data, view.offsets, *folding(), cfg.min_share, 2 * view.max_bytes + 1, found)
    return found


def find_items(content: pa.ChunkedArray | pa.Array, cfg: DecontaminateConfig, questions: Questions) -> dict[str, int]:
    """Items that any of the texts hold, as set:item, with the number of texts that hold each."""
    documents = look(content, cfg, questions).documents
    found: dict[str, int] = {}
    for text in np.flatnonzero(documents):
        item = f"{questions.names[questions.text_set[text]]}:{questions.text_item[text]}"
        found[item] = max(found.get(item, 0), int(documents[text]))
    return found


def decontaminate_stage(cfg: DecontaminateConfig) -> Stage:
    """The L2 stage, only for rows that were selected. Without a set it checks nothing, and its columns are null."""
    return Stage(
        version=VERSION,
        name="decontaminate",
        fn=decontaminate,
        config=cfg,
        needs=("content",),
        adds=tuple(COLUMNS),
        reject_on="decontaminate.drop",
        load=load_questions,
        identity=questions_identity,
        resources=Resources(cpus=1, memory_gib=0.5),
        costly=True,
    )
