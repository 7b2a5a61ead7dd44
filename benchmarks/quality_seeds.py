"""Prepare the texts that the bundled classifiers are trained on, byte for byte the same every time.

    python -m benchmarks.quality_seeds list           # the packages, as arguments of their registries' clients
    python -m benchmarks.quality_seeds build PACKAGES OUT
    governance classifier train OUT/en.toml --output OUT/en.ftz   # and zh

Reads the packages named in classifiers/sources.toml out of the folder PACKAGES, gives their pages the extraction and
cleaning of L0 and L1, sorts them, and writes OUT/LANGUAGE/SOURCE-LABEL.parquet for each source and class. Writes the
seed lists OUT/en.toml and OUT/zh.toml, which are classifiers/models/en.seeds.toml and zh.seeds.toml. Pages of the
bundled crawl (examples/crawl) are left out, so that the example is not scored by what it taught.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from classifiers import corpus
from classifiers.readers import PAGE_READERS, TEXT_READERS
from stages import second_opinion
from stages.blocks import Model, Page, choose, features_of, load_model, read_blocks
from stages.charset import decode
from stages.clean import CleanConfig, clean
from stages.extract import ExtractConfig
from stages.render import render
from stages.role_kernels import block_roles

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "classifiers" / "sources.toml"
CRAWL = ROOT / "examples" / "crawl"
EXTRACT = ExtractConfig()
_PAGES = 3  # read for each document that the cap allows: many pages are of neither class
_LARGE = 12_000_000  # bytes


def main(arguments: list[str]) -> None:
    """`list` names the packages, `build PACKAGES OUT` writes texts and seed lists."""
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))
    if arguments == ["list"]:
        for registry, names in packages_of(sources).items():
            print(registry, *names)
    elif len(arguments) == 3 and arguments[0] == "build":
        build(sources, Path(arguments[1]), Path(arguments[2]))
    else:
        raise SystemExit(__doc__)


def packages_of(sources: dict[str, Any]) -> dict[str, list[str]]:
    """Names with versions, by registry, as apt-get download, npm pack and pip download take them."""
    joints = {"debian": "=", "npm": "@", "pypi": "=="}
    named = [source for table in sources.values() for source in table["source"]]
    return {
        registry: sorted({f"{package_of(s)}{joint}{s['version']}" for s in named if registry_of(s) == registry})
        for registry, joint in joints.items()
    }


def registry_of(source: dict[str, Any]) -> str:
    """Where a source's package comes from."""
    return source.get("registry", "debian")


def package_of(source: dict[str, Any]) -> str:
    """The name of a source's package."""
    return source.get("package", source["name"])


def archives_of(source: dict[str, Any], folder: Path) -> list[Path]:
    """The package's file, or the files of all Debian packages that are named and not large.

    Errors: ValueError if it is not there, or more than once.
    """
    if registry_of(source) == "all":
        named = tomllib.loads(SOURCES.read_text(encoding="utf-8")).values()
        debian = [other for table in named for other in table["source"] if registry_of(other) == "debian"]
        paths = {path for other in debian for path in archives_of(other, folder)}
        return sorted(path for path in paths if path.stat().st_size < _LARGE)
    name, version = package_of(source), re.escape(source["version"].replace(":", "%3a"))
    stem = {
        "debian": rf"{re.escape(name)}_{version}_.*\.deb",
        "npm": rf"{re.escape(name.lstrip('@').replace('/', '-'))}-{version}\.tgz",
        "pypi": rf"{'[-_]'.join(map(re.escape, name.split('-')))}-{version}\.tar\.gz",
    }[registry_of(source)]
    found = [path for path in folder.iterdir() if re.fullmatch(stem, path.name)]
    if len(found) != 1:
        raise ValueError(
            f"{folder} has {len(found)} files of {name} {source['version']} and should have one: see `list`"
        )
    return found


def files_of(source: dict[str, Any], folder: Path, excluded: frozenset[str]) -> Iterator[bytes]:
    """The files of a source that its globs name, in the order of a hash of their names, as many as its cap needs."""
    found: dict[str, bytes] = {}
    for archive in archives_of(source, folder):
        for name, data in members(archive, source["globs"], source.get("not", [])):
            found[f"{archive.name} {name}"] = data
    wanted = _PAGES * source["cap"]
    for name in sorted(found, key=corpus.fractions)[:wanted]:
        if hashlib.sha256(found[name]).hexdigest() not in excluded:
            yield found[name]


def members(archive: Path, globs: Sequence[str], unwanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the plain files in a package that a glob names."""
    if archive.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as unpack,
            tarfile.open(fileobj=unpack.stdout, mode="r|") as tar,
        ):
            yield from _matching(tar, globs, unwanted)
        return
    with tarfile.open(archive) as tar:
        yield from _matching(tar, globs, unwanted)


def _matching(tar: tarfile.TarFile, globs: Sequence[str], unwanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        name = member.name.removeprefix("./")
        if not member.isfile() or not any(fnmatchcase(name, glob) for glob in globs):
            continue
        data = tar.extractfile(member)
        if data is not None and not any(fnmatchcase(name, glob) for glob in unwanted):
            yield name, data.read()


def extract_blocks(html: bytes, model: Model) -> tuple[Page, np.ndarray, np.ndarray] | None:
    """The page, which blocks L0 keeps, bool (n,), and the roles of all; None where the page cannot be read."""
    decoded = decode(html, None, EXTRACT.max_bad_ratio)
    if decoded is None or html.count(b"<") > EXTRACT.max_tags:
        return None
    page = read_blocks(decoded[0].encode("utf-8", "replace"), EXTRACT.max_depth)
    if not len(page.blocks):
        return None
    features = features_of(page)
    likely = model.probabilities(features)
    if second_opinion.doubt_of(likely, features) > EXTRACT.min_doubt and len(html) <= EXTRACT.second_max_bytes:
        second = second_opinion.vote(page, decoded[0], likely, features)
        likely = likely if second is None else second
    roles = block_roles(page.blocks, page.nodes)
    return page, choose(likely, features, roles, EXTRACT.threshold), roles


def page_texts(html: bytes, model: Model) -> tuple[str, str]:
    """(main text, everything else on the page), both as light Markdown; empty where the page cannot be read."""
    found = extract_blocks(html, model)
    if found is None:
        return "", ""
    page, kept, roles = found
    return render(page, kept, roles), render(page, ~kept, roles)


def cleaned(texts: Sequence[str]) -> list[str]:
    """Texts as the cleaning of L1 leaves them."""
    rows = clean(pa.table({"content": pa.array(texts, pa.string())}), CleanConfig(min_chars=0))
    return [text or "" for text in rows["content"].to_pylist()]


def texts_of(source: dict[str, Any], folder: Path, excluded: frozenset[str], model: Model) -> list[tuple[str, str]]:
    """(text, what the page has besides) of every file of a source."""
    reader, files = source.get("reader", "html"), files_of(source, folder, excluded)
    if reader in TEXT_READERS:
        pairs = [(TEXT_READERS[reader](data), "") for data in files]
    else:
        pairs = [page_texts(PAGE_READERS[reader](data), model) for data in files]
    texts, rests = zip(*pairs, strict=True) if pairs else ((), ())
    return list(zip(cleaned(texts), rests, strict=True))


class Document(NamedTuple):
    """A text of a class, and the file it is from, so that one file is not on both sides of a split."""

    positive: bool
    content: str
    site: str


def documents(source: dict[str, Any], language: str, limits: dict, pairs: list[tuple[str, str]]) -> list[Document]:
    """At most `cap` positives of a source, and as many negative pages; besides, negatives made of the same pages:
    what they hold outside their sentences and their main text, and positives that are spoiled."""
    role, cap, package = source["role"], source["cap"], package_of(source)
    classes: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    sites: dict[str, str] = {}
    for number, (text, _) in enumerate(pairs):
        for piece in corpus.pieces(text, limits, source.get("pieces", 1)):
            classes[corpus.label(piece, role, language, limits)].append(piece)
            sites[piece] = f"{package}/{number}"
    positives, negatives = (suited(classes[kind], limits, cap) for kind in (True, False))
    for text in positives if role != "noise" else ():
        for bad in suited(corpus.spoiled([text], language, limits["spoiled"]), limits, 1):
            negatives.append(bad)
            sites[bad] = sites[text]
    if role == "prose":
        left = (corpus.without_sentences(text, language) for text, _ in pairs)
        beside = [*corpus.stretches(filter(None, left), limits), *corpus.stretches((r for _, r in pairs if r), limits)]
        negatives += suited(beside, limits, cap // 2)
    chosen = [(True, text) for text in positives] + [(False, text) for text in negatives]
    return [
        Document(kind, corpus.wrapped(text, language, limits["wrapped"]), sites.get(text, f"{package}/beside"))
        for kind, text in chosen
    ]


def suited(texts: Iterable[str], limits: dict, cap: int) -> list[str]:
    """Those long enough and of the language, at most `cap`."""
    kept = (
        text
        for text in texts
        if len(text) >= limits["min_chars"] and limits["min_han"] <= corpus.han_share(text) <= limits["max_han"]
    )
    return corpus.capped(kept, cap)


def crawl_pages() -> frozenset[str]:
    """Sha256 of every page in the bundled crawl."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    found = set()
    for path in sorted(CRAWL.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                found.add(hashlib.sha256(record.reader.read()).hexdigest())
    return frozenset(found)


def build(sources: dict[str, Any], folder: Path, out: Path) -> None:
    """Write the texts of both languages and their seed lists."""
    excluded, model = crawl_pages(), load_model()
    for language, table in sources.items():
        lists = [write_source(source, language, table, folder, out, excluded, model) for source in table["source"]]
        (out / f"{language}.toml").write_text(seed_list(table, [entry for two in lists for entry in two]), "utf-8")


def write_source(
    source: dict[str, Any],
    language: str,
    table: dict[str, Any],
    folder: Path,
    out: Path,
    excluded: frozenset[str],
    model: Model,
) -> list[dict[str, Any]]:
    """Write a source's texts, one Parquet file a class, and return their entries in the seed list."""
    found = documents(source, language, table, texts_of(source, folder, excluded, model))
    entries = []
    for positive, label in ((True, "positive"), (False, "negative")):
        rows = [(doc.content, doc.site) for doc in found if doc.positive == positive]
        if rows:
            path = f"{language}/{re.sub(r'[^a-z0-9]+', '-', source['name'].lower()).strip('-')}-{label}.parquet"
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(dict(zip(("content", "site"), zip(*rows, strict=True), strict=True))), out / path)
            entries.append(entry(source, label, path))
    print(language, source["name"], [sum(doc.positive == kind for doc in found) for kind in (True, False)], flush=True)
    return entries


def entry(source: dict[str, Any], label: str, path: str) -> dict[str, Any]:
    """A source of one class as the seed list has it."""
    facts = {"name": f"{source['name']}, {label}s", "label": label, "path": path, "site": "site"}
    facts |= {"licence": source["licence"], "version": source["version"]}
    return facts | ({"test": True} if source.get("test", False) else {})


def seed_list(table: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """A seed list in TOML."""
    lines = [f"{key} = {toml(table[key])}" for key in ("language", "title", "about")]
    for name in ("model", "split"):
        lines += ["", f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table[name].items())]
    for facts in entries:
        lines += ["", "[[source]]", *(f"{key} = {toml(value)}" for key, value in facts.items())]
    return "\n".join(lines) + "\n"


def toml(value: str | float | bool) -> str:
    """A value as TOML writes it; JSON's strings, numbers and booleans are TOML's too."""
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1:])
