"""Where the documents lie: Parquet and JSONL, local or on an object store, cut into blocks of about a megabyte of text.

A block is what is read and tokenised at once, shuffled, and resumed from. Nothing is loaded that is not needed next.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from annealing.errors import TrainerError
from manifests.tombstones import InFileSystem, Tombstones, corpus_root, read_tombstones

BLOCK_BYTES = 1 << 20  # of text: 0.4 s of tokenising, so that a resume opens its blocks in seconds
TEXT_COLUMNS = ("content", "text")
# Whose documents belong together: a text made from a held-out document must not be trained on either.
_KEYS = ("parent_uid", "uid")
_LANG = "lang"
_WHOLE = 64 << 20  # bytes up to which a file's fingerprint reads all of it
_WINDOWS, _WINDOW = 16, 64 << 10  # of larger ones: places along the file, and bytes of each
_PACKED = (".gz", ".bz2", ".zst")  # cannot be entered in the middle
_LINES = (".jsonl", ".ndjson", *(f".jsonl{ending}" for ending in _PACKED), *(f".json{ending}" for ending in _PACKED))
HOLDOUT_BUCKETS = 10_000


@dataclass(frozen=True)
class Block:
    """Some rows of a file: rows start to stop of a Parquet row group, or the lines that begin in a range of bytes."""

    path: str
    group: int  # row group; -1: lines
    start: int
    stop: int  # -1: to the end


@dataclass(frozen=True)
class Dataset:
    """The files of one source."""

    place: str
    column: str
    filesystem: Any
    blocks: tuple[Block, ...]
    bytes: int  # of text, as far as the files say
    fingerprint: str  # of names and contents, and of what was taken down
    out: dict[str, Tombstones] = field(default_factory=dict)  # by the folder of the corpus, where something was


@dataclass(frozen=True)
class Document:
    """A text with what it belongs to."""

    key: str | None  # id of the document, or of the one it was written from
    text: str
    lang: str | None  # where the row says it


def open_dataset(place: str, column: str | None = None) -> Dataset:
    """The documents of a tier of a corpus (output/L3), a folder, a glob's folder or a file.

    Args: place, a path or an s3:// or gs:// URL; column of the texts, by default content, else text.
    Errors: TrainerError when there is nothing, or no such column.
    """
    filesystem, root = _filesystem(place)
    files = _files(filesystem, root, place)
    blocks: list[Block] = []
    size, digest, found = 0, hashlib.sha256(), column
    for file in files:
        found = found or _column(filesystem, file.path, place)
        cut, text = _blocks(filesystem, file, found)
        blocks += cut
        size += text
        digest.update(f"{file.path[len(root) :]}\0{file.size}\0{_content(filesystem, file)}\n".encode())
    if not blocks or found is None:
        raise TrainerError(f"{place} holds no documents", "name a folder with rows in it")
    digest.update(found.encode())
    out = _taken_down(filesystem, files)
    for tombstones in out.values():
        digest.update("".join(tombstones.names).encode())
    return Dataset(place, found, filesystem, tuple(blocks), size, digest.hexdigest(), out)


def _taken_down(filesystem: Any, files: list[Any]) -> dict[str, Tombstones]:
    """What was taken down of the corpora that files lie in, by the folder of each."""
    roots = {root for one in files if (root := corpus_root(one.path)) is not None}
    found = {root: read_tombstones(InFileSystem(filesystem, root)) for root in sorted(roots)}
    return {root: tombstones for root, tombstones in found.items() if tombstones}


def _filesystem(place: str) -> tuple[Any, str]:
    if place.startswith("s3://") and "AWS_ENDPOINT" in os.environ:  # the other name that the project's own store reads
        os.environ.setdefault("AWS_ENDPOINT_URL", os.environ["AWS_ENDPOINT"])
    try:
        if "://" in place:
            filesystem, root = pafs.FileSystem.from_uri(place)
            return filesystem, root.rstrip("/")
    except (pa.ArrowException, OSError) as error:
        raise TrainerError(f"{place} cannot be opened: {error}", "check the URL and the credentials") from error
    return pafs.LocalFileSystem(), str(Path(place).expanduser().resolve())


def _files(filesystem: Any, root: str, place: str) -> list[Any]:
    """The files of documents, sorted by path. In a corpus those are its data, not the annotations beside them."""
    info = filesystem.get_file_info(root)
    if info.type == pafs.FileType.NotFound:
        raise TrainerError(f"{place} is not there", "name a folder or file of Parquet or JSONL")
    if info.type == pafs.FileType.File:
        if not info.path.endswith((".parquet", *_LINES)):
            raise TrainerError(f"{place} is neither Parquet nor JSONL", f"known endings: .parquet {' '.join(_LINES)}")
        return [info]
    everything = [one for one in filesystem.get_file_info(pafs.FileSelector(root, recursive=True)) if one.is_file]
    _refuse_unfinished(everything, root, place)
    inside = {one.path: one.path[len(root) :].strip("/").split("/") for one in everything}
    files = [one for one in everything if one.path.endswith((".parquet", *_LINES)) and one.size]
    files = [one for one in files if not any(part.startswith(("_", ".")) for part in inside[one.path])]
    data = [one for one in files if "data" in inside[one.path][:-1]]
    tier = any(part[-1] == "manifest.json" for part in inside.values())
    if tier and not data:
        raise TrainerError(f"{place} is a tier without rows", "look at `governance status`")
    return sorted(data if tier else files, key=lambda one: one.path)


def _refuse_unfinished(files: list[Any], root: str, place: str) -> None:
    """A tier under construction holds parts that no record names yet."""
    paths = [one.path[len(root) :].strip("/") for one in files]
    begun = {path.partition("_shards/")[0] for path in paths if "_shards/" in path}
    ready = {path.removesuffix("manifest.json") for path in paths if path.endswith("manifest.json")}
    if begun - ready:
        name = min(begun - ready).strip("/") or "it"
        raise TrainerError(
            f"{place}: {name} is not finished", "finish it with `governance run`, or name another folder"
        )


def _column(filesystem: Any, path: str, place: str) -> str:
    names = _first_names(filesystem, path)
    for name in TEXT_COLUMNS:
        if name in names:
            return name
    raise TrainerError(f"{place} has neither a column content nor text: {', '.join(sorted(names))}", "name it: --text")


def _first_names(filesystem: Any, path: str) -> set[str]:
    if path.endswith(".parquet"):
        return set(pq.ParquetFile(filesystem.open_input_file(path)).schema_arrow.names)
    line = next(_lines(filesystem, Block(path, -1, 0, 1)), "{}")
    return set(json.loads(line))


def _blocks(filesystem: Any, file: Any, column: str) -> tuple[list[Block], int]:
    """The blocks of a file, and its bytes of text."""
    if not file.path.endswith(".parquet"):
        if file.path.endswith(_PACKED):
            return [Block(file.path, -1, 0, -1)], 3 * file.size
        count = max(1, round(file.size / BLOCK_BYTES))
        edges = [file.size * number // count for number in range(count + 1)]
        return [Block(file.path, -1, *pair) for pair in pairwise(edges)], file.size
    meta = pq.ParquetFile(filesystem.open_input_file(file.path)).metadata
    names = [meta.schema.column(number).path for number in range(meta.num_columns)]
    if column not in names:
        raise TrainerError(
            f"{file.path} has no column {column!r}: {', '.join(names)}", "name one that is there: --text"
        )
    found, size = [], 0
    for group in range(meta.num_row_groups):
        part = meta.row_group(group)
        text = part.column(names.index(column)).total_uncompressed_size
        count = min(max(1, round(text / BLOCK_BYTES)), max(1, part.num_rows))
        edges = [part.num_rows * number // count for number in range(count + 1)]
        found += [Block(file.path, group, a, b) for a, b in pairwise(edges) if b > a]
        size += text
    return found, size


def _content(filesystem: Any, file: Any) -> str:
    """A hash of the content: of all of a small file, of places along a large one, its end among them."""
    digest = hashlib.sha256()
    with filesystem.open_input_file(file.path) as stream:
        if file.size <= _WHOLE:
            digest.update(stream.read())
        else:
            for number in range(_WINDOWS):
                stream.seek((file.size - _WINDOW) * number // (_WINDOWS - 1))
                digest.update(stream.read(_WINDOW))
    return digest.hexdigest()


def read(dataset: Dataset, block: Block, holdout: float = 0.0) -> list[str]:
    """The texts of a block that are trained on; empty ones are left out. Arguments and errors as of ``rows``."""
    return [document.text for document in rows(dataset, block, holdout, held=False)]


def rows(dataset: Dataset, block: Block, holdout: float, held: bool) -> list[Document]:
    """The documents of a block that are trained on, or with ``held`` those that are held out; empty ones are left out.

    ``holdout``: share of the documents that no training sees, chosen by a hash of the document's id (of its parent's,
    where it has one), so that the same documents are held out at every tier and in every format.
    Errors: TrainerError for a line that is no JSON object, or a text that is none.
    """
    found = _parquet(dataset, block) if block.group >= 0 else _json(dataset, block)
    limit = round(holdout * HOLDOUT_BUCKETS)
    return [row for row in found if row.text.strip() and (_bucket(row.key or row.text) < limit) == held]


def _bucket(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()) % HOLDOUT_BUCKETS


def _parquet(dataset: Dataset, block: Block) -> list[Document]:
    with dataset.filesystem.open_input_file(block.path) as stream:
        file = pq.ParquetFile(stream)
        keys = [name for name in _KEYS if name in file.schema_arrow.names]
        lang = [_LANG] if _LANG in file.schema_arrow.names else []
        table = file.read_row_group(block.group, columns=[dataset.column, *keys, *lang], use_threads=False)
    table = table.slice(block.start, block.stop - block.start)
    out = dataset.out.get(corpus_root(block.path) or "")
    table = out.visible(table) if out else table
    texts = pc.fill_null(table[dataset.column].cast(pa.string()), "").to_pylist()
    owners = [table[name].cast(pa.string()) for name in keys]
    owner = pc.coalesce(*owners).to_pylist() if owners else [None] * len(texts)
    langs = table[_LANG].cast(pa.string()).to_pylist() if lang else [None] * len(texts)
    return [Document(*row) for row in zip(owner, texts, langs, strict=True)]


def _json(dataset: Dataset, block: Block) -> Iterator[Document]:
    for line in _lines(dataset.filesystem, block):
        try:
            row = json.loads(line)
            text = row[dataset.column]
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{dataset.column} is no text")
        except (ValueError, KeyError, TypeError) as error:
            raise TrainerError(f"{block.path}: a line cannot be read: {error!r}", "mend the file") from error
        key = next((str(row[name]) for name in _KEYS if row.get(name)), None)
        yield Document(key, text or "", str(row[_LANG]) if row.get(_LANG) else None)


def _lines(filesystem: Any, block: Block) -> Iterator[str]:
    """The lines that begin in a range of bytes."""
    if block.path.endswith(_PACKED):
        with filesystem.open_input_stream(block.path, compression="detect") as stream:
            data = stream.read()
    else:
        with filesystem.open_input_file(block.path) as stream:
            data = _whole_lines(stream, block.start, stream.size() if block.stop < 0 else block.stop)
    yield from (line.decode() for line in data.split(b"\n") if line.strip())


def _whole_lines(stream: Any, start: int, stop: int) -> bytes:
    """From the first line that begins in the range to the end of the last, which may lie behind it."""
    before = 1 if start else 0  # a range right behind a line's end begins with a line
    stream.seek(start - before)
    data = stream.read(stop - start + before)
    if before:
        data = data.partition(b"\n")[2]
        if not data:
            return b""
    pieces = [data]
    while not pieces[-1].endswith(b"\n"):
        more = stream.read(_WINDOW)
        if not more:
            break
        end = more.find(b"\n")
        pieces.append(more if end < 0 else more[: end + 1])
    return b"".join(pieces)
