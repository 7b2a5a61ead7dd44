"""What a run reads: files found by path, folder, glob, list or URL, as numbered shards of a dump."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from governance.content import content_fault
from governance.errors import UsageError
from manifests.hub import HubFiles
from manifests.store import Object, Store, is_local, local_path
from manifests.tombstones import FOLDER, InStore, Tombstones, corpus_root, read_tombstones

WARC_SUFFIXES = (".warc", ".warc.gz")
ROW_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz", ".parquet")
SUFFIXES = WARC_SUFFIXES + ROW_SUFFIXES
_GLOB = re.compile(r"[*?\[]")
_COMMON_CRAWL = re.compile(r"CC-MAIN-\d{4}-\d{2}")
_DUMP = re.compile(r"[^\W_][\w.-]*")
_EDGE_BYTES = 8 << 10  # of a local file's head and tail that stand for its content: a run reads them of every input


@dataclass(frozen=True)
class Shard:
    """One input object. ``number`` is its place in the sorted input; ``key`` the first 8 hex digits of its uids."""

    number: int
    name: str  # base name
    folder: str  # base URL of the store it lies in
    path: str  # its path there
    size: int
    identity: str  # changes when the content does
    key: str

    def __str__(self) -> str:
        return self.name

    @property
    def is_archive(self) -> bool:
        """Whether it is a WARC, not a file of rows."""
        return self.name.endswith(WARC_SUFFIXES)


def find_shards(patterns: Sequence[str], dump: str) -> list[Shard]:
    """The input objects that paths, folders, globs, ``.txt`` lists and URLs name, sorted by base name.

    Errors: UsageError for nothing found, an unknown kind of file, two files of one base name.
    """
    found: dict[tuple[str, str], Object] = {}
    for pattern in _expand_lists(patterns):
        matches = list(_match(pattern))
        if not matches:
            raise UsageError(
                f"no input at {pattern!r}", "give a .warc, .warc.gz, .jsonl or .parquet file, folder or glob"
            )
        found.update({(folder, item.path): item for folder, item in matches})
    _refuse_dump(dump)
    ordered = sorted(found.items(), key=lambda entry: (_base_name(entry[0][1]), entry[0]))
    _refuse_same_names([_base_name(path) for (_, path), _ in ordered], dump)
    if not any(item.size for _, item in ordered):
        raise UsageError(f"every input is empty, for example {ordered[0][0][1]!r}", "check how the files were fetched")
    shards = (_shard(number, folder, item, dump) for number, ((folder, _), item) in enumerate(ordered))
    return list(_marked(shards))


def tombstones_over(shard: Shard) -> Tombstones:
    """What was taken down of the corpus that an input object lies in; nothing where it lies in none."""
    corpus = _corpus_of(shard)
    if corpus is None or (is_local(corpus) and not Path(corpus, FOLDER).is_dir()):  # a store would make the folder
        return Tombstones(InStore(Store("")), ())
    return read_tombstones(Store(corpus))


def _corpus_of(shard: Shard) -> str | None:
    """The corpus of which an input object is a part."""
    scheme, _, place = f"{shard.folder}/{shard.path}".rpartition("://")
    root = corpus_root(place) if scheme != "hf" and shard.name.endswith(".parquet") else None
    return root if root is None or not scheme else f"{scheme}://{root}"


def _marked(shards: Iterable[Shard]) -> Iterator[Shard]:
    """The shards as inputs of their corpora: another takedown there makes each of them another input."""
    marks: dict[str, str] = {}
    for shard in shards:
        corpus = _corpus_of(shard)
        if corpus is not None and corpus not in marks:
            out = tombstones_over(shard)
            marks[corpus] = f"-{hashlib.sha256(''.join(out.names).encode()).hexdigest()[:16]}" if out else ""
        yield shard if corpus is None else replace(shard, identity=shard.identity + marks[corpus])


def find_files(patterns: Sequence[str], suffixes: tuple[str, ...]) -> list[Shard]:
    """The files of these kinds that paths, folders, globs and URLs name, sorted by base name; names may repeat.

    Errors: UsageError for nothing found, an unknown kind of file, one that is not what its name says.
    """
    found: dict[tuple[str, str], Object] = {}
    for pattern in patterns:
        matches = {(folder, item.path): item for folder, item in _match(pattern, suffixes)}
        if not matches:
            raise UsageError(f"no file at {pattern!r}", f"give a file, folder or glob; known: {', '.join(suffixes)}")
        found |= matches
    ordered = sorted(found.items(), key=lambda entry: (_base_name(entry[0][1]), entry[0]))
    return [_shard(number, folder, item, "") for number, ((folder, _), item) in enumerate(ordered)]


def check_entry(shards: Sequence[Shard], enter: str) -> None:
    """Records of an archive are no rows yet, so they enter at L0, and by other stages than rows. Errors: UsageError."""
    archive = next((shard for shard in shards if shard.is_archive), None)
    rows = next((shard for shard in shards if not shard.is_archive), None)
    if archive is not None and enter != "L0":
        raise UsageError(
            f"{archive.name} is a web archive and cannot enter at {enter}",
            "leave --enter out, or give JSONL or Parquet",
        )
    if archive is not None and rows is not None:
        raise UsageError(
            f"{archive.name} is a web archive, {rows.name} holds rows: they become L0 by different stages",
            "run them as two dumps of one --output, each with its own --dump",
        )


def dump_of(patterns: Sequence[str]) -> str:
    """The dump that an archive's name tells, as Common Crawl's do, else ``default``."""
    match = _COMMON_CRAWL.search(" ".join(patterns))
    return match.group(0) if match else "default"


def check_one_crawl(shards: Sequence[Shard]) -> None:
    """Archives of two crawls under the name of one would be deduplicated as one. Errors: UsageError."""
    crawls = sorted({match.group(0) for shard in shards if (match := _COMMON_CRAWL.search(shard.name))})
    if len(crawls) > 1:
        raise UsageError(
            f"the inputs are of several crawls: {', '.join(crawls[:3])}",
            "run them one after the other, oldest first, or name what they are together with --dump",
        )


def _expand_lists(patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        if pattern.endswith(".txt") and is_local(pattern):
            if not local_path(pattern).is_file():
                raise UsageError(f"no list of inputs at {pattern!r}", "a .txt input lists one path or URL a line")
            lines = local_path(pattern).read_text(encoding="utf-8").splitlines()
            yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))
        else:
            yield pattern


def _match(pattern: str, suffixes: tuple[str, ...] = SUFFIXES) -> Iterator[tuple[str, Object]]:
    if not is_local(pattern):
        yield from _match_url(pattern, suffixes)
        return
    path = Path(pattern.removeprefix("file://")).expanduser()
    if _GLOB.search(pattern):
        found = Path(path.anchor or ".").glob(str(path.relative_to(path.anchor) if path.anchor else path))
        files = [(str(file.parent), _known(file.name, suffixes)) for file in found if file.is_file()]
    elif path.is_dir():
        files = list(_walk(path, suffixes))
    else:
        files = [(str(path.parent), _known(path.name, suffixes))] if path.is_file() else []
    # Strings, and each folder resolved once: as Path objects 100,000 files took three times as long.
    resolved = {folder: os.path.realpath(folder) for folder in {folder for folder, _ in files}}
    for folder, name in files:
        size = os.stat(f"{resolved[folder]}/{name}").st_size  # noqa: PTH116
        yield resolved[folder], Object(name, size)


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Folder and name of the files below that are of a known kind. Errors: OSError where a folder cannot be read."""

    def refuse(error: OSError) -> None:
        raise error

    for below, _, names in os.walk(folder, onerror=refuse):
        yield from ((below, name) for name in names if name.endswith(suffixes))


def _match_url(pattern: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Object]]:
    scheme, _, rest = pattern.partition("://")
    if scheme == "hf":
        yield from _match_hub(pattern, suffixes)
        return
    if scheme not in ("s3", "gs", "az"):
        raise UsageError(
            f"cannot read {pattern!r}: unknown scheme {scheme!r}", "use a local path, s3://, gs://, az:// or hf://"
        )
    bucket, _, key = rest.partition("/")
    store, glob = Store(f"{scheme}://{bucket}"), _GLOB.search(key)
    folder = key[: glob.start()].rpartition("/")[0] if glob else key
    one = not glob and key.endswith(suffixes)
    store.reach(key if one else folder, one)
    try:
        items = [store.head(key)] if one else list(store.list(folder))
    except FileNotFoundError:
        return
    for item in items:
        if item.path.endswith(suffixes) and (not glob or fnmatch.fnmatch(item.path, key)):
            yield store.url, item


def _match_hub(pattern: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Object]]:
    """Files of a data set on the hub, in the commit that its revision is at now."""
    files, path = HubFiles.resolve(pattern)
    glob = _GLOB.search(path)
    one = not glob and path.endswith(suffixes)
    below = path[: glob.start()].rpartition("/")[0] if glob else path.rpartition("/")[0] if one else path
    for item in files.list(below):
        if item.path.endswith(suffixes) and (not (glob or one) or fnmatch.fnmatch(item.path, path)):
            yield files.url, item


def sources(shards: Sequence[Shard]) -> list[str]:
    """The data sets on the hub that shards lie in, each with its commit: a revision may be at another one tomorrow."""
    return sorted({shard.folder for shard in shards if shard.folder.startswith("hf://")})


def _known(name: str, suffixes: tuple[str, ...]) -> str:
    if not name.endswith(suffixes):
        raise UsageError(f"cannot read {name!r}: its suffix names no known kind", f"known: {', '.join(suffixes)}")
    return name


def _refuse_dump(dump: str) -> None:
    """A dump's name is a folder at every tier, and the start of file names at L3."""
    if not _DUMP.fullmatch(dump) or dump == "data" or "-part-" in dump:
        raise UsageError(
            f"--dump {dump!r} cannot name a folder of every tier",
            "use letters, digits, '.', '_' and '-', starting with a letter or digit; not 'data', no '-part-'",
        )


def _refuse_same_names(names: list[str], dump: str) -> None:
    for before, after in pairwise(names):
        if before == after:
            raise UsageError(
                f"two inputs of dump {dump!r} are both named {after!r}, so their rows could not be told apart",
                "rename one, or run them as two dumps with --dump",
            )


def _base_name(path: str) -> str:
    return path.rpartition("/")[2]


def _shard(number: int, folder: str, item: Object, dump: str) -> Shard:
    name = _base_name(item.path)
    return Shard(number, name, folder, item.path, item.size, _identity(folder, item), shard_key(dump, name))


def shard_key(dump: str, name: str) -> str:
    """The first 8 digits of the uids of a shard, from its base name."""
    return hashlib.sha256(f"{dump}/{name}".encode()).hexdigest()[:8]


def _identity(folder: str, item: Object) -> str:
    """A store's change mark; for local files size, head and tail, so that a copied folder is still the same input."""
    if not is_local(folder):
        return f"{item.size}-{item.e_tag}"
    path = f"{folder}/{item.path}"
    head, tail = _edges(path, item.size)
    fault = content_fault(path, head, tail or head) if head else None
    if fault:
        raise UsageError(f"{path} {fault}", "fetch it again, rename it, or leave it out")
    return f"{item.size}-{hashlib.sha256(head + tail).hexdigest()[:16]}"


def _edges(path: str, size: int) -> tuple[bytes, bytes]:
    """Head and tail of a local file, which do not overlap. Errors: UsageError when it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than the read
            head, tail = file.read(_EDGE_BYTES), b""
            if size > _EDGE_BYTES:
                file.seek(max(_EDGE_BYTES, size - _EDGE_BYTES))
                tail = file.read(_EDGE_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {path!r}: {error.strerror}", "mend it or leave it out") from error
    return head, tail
