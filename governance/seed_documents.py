"""The documents that a seed list names, read and checked before anything is trained on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.seeds import Seeds, Source
from governance.errors import UsageError
from governance.inputs import Shard
from governance.plan import model_errors
from governance.progress import Line, Progress
from governance.texts import find_texts, read_file
from manifests.store import is_local

SCHEMA = pa.schema(
    [("content", pa.string()), ("positive", pa.bool_()), ("source", pa.string()), ("site", pa.string()),
     ("test", pa.bool_()), ("file", pa.string()), ("drop", pa.string())]
)  # fmt: skip
CONTAMINATED = "contaminated"  # the reason of a document that holds an item of a question set
_LOOKED_AT = 300  # documents of a source whose language is told
_MOST_FOREIGN = 0.5  # of those, the share that may surely be in another language


@dataclass(frozen=True)
class Found:
    """A source and the files it names."""

    source: Source
    files: tuple[Shard, ...]

    def record(self) -> dict[str, Any]:
        """What the card says of it; a file by name and by size and hash of head and tail, or the store's own mark."""
        about = self.source.model_dump(include={"name", "label", "licence", "version", "cap", "weight", "test"})
        return about | {"files": {file.name: file.identity for file in self.files}}


def find_sources(seeds: Seeds, folder: Path) -> list[Found]:
    """The files of every source; relative paths start at `folder`. Errors: UsageError naming the source."""
    found = []
    for source in seeds.source:
        try:
            files = find_texts([located(path, folder) for path in source.path])
        except UsageError as error:
            raise UsageError(f"source {source.name!r}: {error}", error.remedy) from error
        found.append(Found(source, tuple(files)))
    return found


def located(path: str, folder: Path) -> str:
    """A path of a seed list as one that can be opened: relative ones start at the list's own folder."""
    if "://" in path or not is_local(path) or Path(path).expanduser().is_absolute():
        return path
    return str(folder / path)


def read_documents(found: list[Found], language: str, progress: Progress) -> pa.Table:
    """The documents of all sources as a table of SCHEMA, `drop` null.

    Errors: UsageError for what cannot be read, a source without text, one mostly in another language.
    """
    check_language(language)
    with progress.stage("read", sum(len(one.files) for one in found), unit="files") as line:
        tables = [_read_source(one, language, line) for one in found]
    return pa.concat_tables(tables)


def _read_source(one: Found, language: str, line: Line) -> pa.Table:
    source, tables = one.source, []
    for file in one.files:
        try:
            read = list(read_file(file, source.text, source.site))
        except UsageError as error:
            raise UsageError(f"source {source.name!r}: {error}", error.remedy) from error
        tables += read
        line.advance(1, sum(table.num_rows for table in read), source.name)
    texts = pa.concat_tables(tables) if tables else pa.table({"content": pa.array([], pa.string())})
    filled = pc.fill_null(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(texts["content"])), 0), False)
    if not pc.any(filled, min_count=0).as_py():
        raise UsageError(
            f"source {source.name!r} holds no text: {texts.num_rows} rows", "check its path and text column"
        )
    _check_source_language(source, texts["content"].filter(filled), language)
    constants = {"positive": source.positive, "source": source.name, "test": source.test, "drop": None}
    for name, value in constants.items():
        texts = texts.append_column(name, pa.repeat(pa.scalar(value, SCHEMA.field(name).type), texts.num_rows))
    return texts.select(SCHEMA.names)


def check_language(language: str) -> None:
    """Errors: UsageError for a language that the language model does not know."""
    from classifiers.language_id import load_language_model

    if language not in load_language_model().languages:
        raise UsageError(f"language {language!r} is not known", "write its ISO 639-1 code, such as en or zh")


def _check_source_language(source: Source, texts: pa.ChunkedArray, wanted: str) -> None:
    """Errors: UsageError for a source of which most documents, spread evenly, are surely in another language."""
    from classifiers.language_id import load_language_model
    from stages.language import LanguageConfig, language

    rows = np.unique(np.linspace(0, len(texts) - 1, min(_LOOKED_AT, len(texts))).astype(np.int64))
    cfg = LanguageConfig(languages=(wanted,))
    told = language(pa.table({"content": texts.take(pa.array(rows))}), cfg, load_language_model())
    foreign = told.filter(pc.equal(told["language.drop"], "unwanted_language"))["lang"].to_pylist()
    if len(foreign) > _MOST_FOREIGN * len(rows):
        name, count = Counter(foreign).most_common(1)[0]
        raise UsageError(
            f"source {source.name!r} is mostly not in {wanted!r}: {len(foreign)} of {len(rows)} documents looked at are"
            f" in another language, {count} in {name!r}",
            "give texts of the list's language, or correct `language`",
        )


def mark_contaminated(documents: pa.Table, seeds: Seeds, folder: Path) -> tuple[pa.Table, dict[str, str]]:
    """`drop` filled in where a document holds an item of a question set; and the sha256 of each set, by its name.

    Errors: UsageError for a set that cannot be read.
    """
    if not seeds.contamination.sets:
        return documents, {}
    from stages.decontaminate import DecontaminateConfig, load_questions, look
    from stages.question_sets import LM_EVAL, sets_identity

    sets = tuple(one if one.startswith(LM_EVAL) else located(one, folder) for one in seeds.contamination.sets)
    cfg = DecontaminateConfig(sets=sets)
    with model_errors("contamination.sets"):
        questions, identity = load_questions(cfg), sets_identity(sets)
    assert questions is not None
    hits = np.concatenate([look(chunk, cfg, questions).hit for chunk in documents["content"].chunks])
    drop = pc.if_else(pa.array(hits), pa.scalar(CONTAMINATED), documents["drop"].combine_chunks())
    return documents.set_column(SCHEMA.get_field_index("drop"), "drop", drop), identity
