"""Lists of adult and spam addresses and words, and what is on them, with the decisions of datatrove's URLFilter.

datatrove's own lists are read from the installed package: 4.6 million domains and 20 thousand addresses of adult, spam
and other unwanted sites, and 424 words. Domains are kept as 64-bit hashes, 36 MB where a set of strings takes 0.6 GB;
one host in 4 trillion is taken for a listed one by chance.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import polars as pl

_ARCHIVE = "url_filterblacklistsv0_3_0.tar.gz"  # members "domains" and "urls"
_WORDS = {"hard_words": "banned_words.txt", "soft_words": "soft_banned_words.txt", "subwords": "banned_subwords.txt"}
KINDS = ("domains", "urls", *_WORDS)
_BLOCK_BYTES = 8 << 20
_NOT_WORD = re.compile(r"[^a-zA-Z0-9]+")  # datatrove's: a word is a run of ASCII letters and digits


@dataclass(frozen=True)
class UrlLists:
    """Lists in the form in which they are looked up."""

    domains: np.ndarray  # sorted uint64 hashes of domains and hosts
    urls: frozenset[str]  # whole addresses, as they are written in the list
    hard_words: frozenset[str]  # one is enough
    soft_words: frozenset[str]  # several must meet
    subwords: frozenset[str]  # lower case, found anywhere in an address of which only letters and digits are left

    def __or__(self, other: UrlLists) -> UrlLists:
        """Both lists together."""
        domains = np.union1d(self.domains, other.domains) if len(other.domains) else self.domains
        words = {kind: getattr(self, kind) | getattr(other, kind) for kind in KINDS[1:]}
        return UrlLists(domains, **words)


def no_lists() -> UrlLists:
    """Empty lists."""
    return UrlLists(np.empty(0, np.uint64), *([frozenset()] * 4))


@cache
def bundled_lists() -> UrlLists:
    """datatrove's lists, read once in a process: a second of CPU. No thread is started, so a fork may share them."""
    words = {kind: _read_words(_assets() / name) for kind, name in _WORDS.items()}
    with tarfile.open(_assets() / _ARCHIVE) as archive:
        domains = _hash_lines(_member(archive, "domains"))
        urls = frozenset(_entries(_member(archive, "urls").read().decode()))
    return UrlLists(domains, urls, **words)


def read_lists(paths: dict[str, str]) -> UrlLists:
    """A user's lists: kind -> path of a text file with an entry a line; "#" begins a comment line.

    Errors: OSError when a file cannot be read, ValueError when it is not UTF-8.
    """
    lists: dict[str, Any] = {"domains": np.empty(0, np.uint64)}
    for kind in KINDS[1:]:
        lists[kind] = frozenset()
    for kind, path in paths.items():
        if kind == "domains":
            with Path(path).open("rb") as file:
                lists[kind] = _hash_lines(file)
        elif kind == "urls":
            lists[kind] = frozenset(_entries(Path(path).read_text(encoding="utf-8")))
        else:
            lists[kind] = _read_words(Path(path))
    return UrlLists(**lists)


def lists_identity(bundled: bool, paths: dict[str, str]) -> dict[str, str]:
    """The sha256 of every list in use, and the version of the list of public suffixes. Errors: OSError."""
    names = [_ARCHIVE, *_WORDS.values()] if bundled else []
    files = {name: _assets() / name for name in names} | {kind: Path(path) for kind, path in paths.items()}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return sums | {"tldextract": version("tldextract")}


def listed(urls: pa.Array | pa.ChunkedArray, lists: UrlLists, min_soft_words: int) -> list[str | None]:
    """The first list that an address is on: domain, subdomain, url, hardword, softwords, subword; null for none.

    domain is the registered one, below the public suffix, subdomain the whole host; neither is known for an IP address.
    Words are compared as written, subwords in any case.
    """
    import polars as pl

    column = pl.Series("url", urls.combine_chunks() if isinstance(urls, pa.ChunkedArray) else urls, dtype=pl.String)
    verdicts: list[str | None] = [None] * len(column)
    for reason, hit in reversed(list(_masks(column, lists, min_soft_words))):
        for row in hit.fill_null(False).arg_true():
            verdicts[row] = reason
    return verdicts


def _masks(urls: pl.Series, lists: UrlLists, min_soft_words: int) -> Iterator[tuple[str, pl.Series]]:
    """Each list's name, and which addresses are on it."""
    import polars as pl

    if len(lists.domains):
        hosts = [_host(url) for url in urls.to_list()]
        yield "domain", _on(lists.domains, [registered for registered, _ in hosts])
        yield "subdomain", _on(lists.domains, [host for _, host in hosts])
    if lists.urls:
        yield "url", urls.is_in(sorted(lists.urls))
    if lists.hard_words:
        yield "hardword", urls.str.contains(_pattern(lists.hard_words))
    if lists.soft_words:
        some = urls.str.contains(_pattern(lists.soft_words)).fill_null(False)
        enough = [
            hit and len(lists.soft_words.intersection(_NOT_WORD.split(url))) >= min_soft_words
            for hit, url in zip(some, urls, strict=True)
        ]
        yield "softwords", pl.Series(enough, dtype=pl.Boolean)
    if lists.subwords:
        bare = urls.str.replace_all(r"[^a-zA-Z0-9]+", "").str.to_lowercase()
        yield "subword", bare.str.contains_any(sorted(lists.subwords))


def _host(url: str | None) -> tuple[str, str]:
    """Registered domain and whole host of an address, "" where there is none."""
    if not url:
        return "", ""
    found = _splitter()(url)
    return found.top_domain_under_public_suffix, found.fqdn


@cache
def _splitter() -> Any:
    """tldextract with the list of public suffixes that it carries: nothing is fetched, nothing is stored."""
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


def _on(table: np.ndarray, names: list[str]) -> pl.Series:
    """Which names are in a sorted table of hashes; "" never is."""
    import polars as pl

    encoded = [name.encode() for name in names]
    ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
    hashes = _hash(b"".join(encoded), np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)], ends)
    place = np.minimum(np.searchsorted(table, hashes), len(table) - 1)
    return pl.Series((table[place] == hashes) & np.array([bool(name) for name in names], bool), dtype=pl.Boolean)


def _pattern(words: Iterable[str]) -> str:
    """A regular expression that finds any of the words, whole."""
    return rf"(?:^|[^a-zA-Z0-9])(?:{'|'.join(sorted(words))})(?:[^a-zA-Z0-9]|$)"


def _assets() -> Path:
    return Path(str(distribution("datatrove").locate_file("datatrove/assets")))


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise FileNotFoundError(f"{_ARCHIVE} of datatrove holds no file {name!r}")
    return file


def _read_words(path: Path) -> frozenset[str]:
    """The entries of a list of words, in lower case and with nothing but letters and digits."""
    entries = _entries(path.read_text(encoding="utf-8"))
    return frozenset(word for word in (_NOT_WORD.sub("", entry).lower() for entry in entries) if word)


def _entries(text: str) -> Iterator[str]:
    """The lines of a list without comments and white space around them."""
    return (line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#"))


def _hash_lines(file: IO[bytes]) -> np.ndarray:
    """Sorted hashes of the lines of a list, read block by block."""
    found, rest = [np.empty(0, np.uint64)], b""
    while block := file.read(_BLOCK_BYTES):
        whole, _, rest = (rest + block).rpartition(b"\n")
        found.append(_hash_block(whole))
    found.append(_hash_block(rest))
    hashes = np.concatenate(found)
    hashes.sort()
    return hashes


def _hash_block(block: bytes) -> np.ndarray:
    """Hashes of the entries of whole lines."""
    data = np.frombuffer(block, np.uint8)
    ends = np.append(np.flatnonzero(data == ord("\n")), len(data))
    starts = np.concatenate([[0], ends[:-1] + 1])
    entries = ends > starts
    starts, ends = starts[entries], ends[entries]
    entries = data[starts] != ord("#")
    return _hash(block, starts[entries], ends[entries])


def _hash(data: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    from stages.url_kernels import entry_hashes

    return entry_hashes(np.frombuffer(data, np.uint8), starts, ends)
