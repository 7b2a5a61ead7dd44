"""Pairs of sentences that met on real pages, read one by one: ``python -m benchmarks.organize_natural``.

Statements and sentences of other books of documentation (docs-pages; some books are of one project, which makes them
harder to tell apart) that met by their keys and that the checks of an earlier version took for saying the same in
other words: 75, drawn by a fixed seed, each labelled by a reader, 28 of them as saying it. The pages are their
publishers', so organize_natural.jsonl names texts by page and hash. The rules were mended with these pairs in sight.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import report
from benchmarks.pages import read_pages
from stages.organize import language_of, prose_sentences
from stages.statement_checks import relate
from stages.statement_witness import leaves_open

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "docs-pages"
PAIRS = Path(__file__).resolve().with_suffix(".jsonl")
PRECISION = ("precision of corroborating passages", 0.98, "share")


def digest(text: str) -> str:
    """The name of a text in the file of pairs."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_pairs(path: Path = PAIRS) -> list[dict[str, Any]]:
    """lang, statement_page, statement, passage_page, passage (hashes), says: whether the passage says the statement."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def found_texts(pairs: Sequence[dict[str, Any]], data: Path) -> dict[str, dict[str, str]]:
    """Text and title of each named sentence, by the hash of the sentence and of its page together."""
    found: dict[str, dict[str, str]] = {}
    for lang in ("en", "zh"):
        mine = [pair for pair in pairs if pair["archive"] == lang]
        wanted = {f"{pair[f'{side}_page']} {pair[side]}" for pair in mine for side in ("statement", "passage")}
        pages = pa.array(sorted({one.rsplit(" ", 1)[0] for one in wanted}), pa.string())
        for rows in read_pages(data / f"{lang}.warc.gz", only=pages):
            for row in rows.filter(pc.is_in(rows["url"], value_set=pages)).to_pylist():
                for start, end in prose_sentences(row["content"]):
                    text = row["content"][start:end]
                    if (name := f"{row['url']} {digest(text)}") in wanted:
                        found[name] = {"text": text, "title": row["title"] or "", "lang": language_of(text, lang)}
    return found


def judge(pairs: Sequence[dict[str, Any]], found: dict[str, dict[str, str]]) -> list[bool]:
    """Whether each passage is taken for a witness to its statement, one that says by itself what it speaks of."""
    sides = [[found[f"{pair[f'{side}_page']} {pair[side]}"] for side in ("statement", "passage")] for pair in pairs]
    table = pa.Table.from_pylist([
        {"statement": own["text"], "lang": own["lang"], "passage": other["text"], "title": other["title"]}
        for own, other in sides
    ])  # fmt: skip
    told = relate(table)["relation"].to_pylist()
    return [
        relation in ("same", "supports") and not leaves_open(own["text"], own["lang"])
        for relation, (own, _) in zip(told, sides, strict=True)
    ]


def figures(pairs: Sequence[dict[str, Any]], taken: Sequence[bool]) -> dict[str, Any]:
    """What is taken, and rightly, of all and of each language."""
    groups = {"all": pairs, **{lang: [one for one in pairs if one["lang"] == lang] for lang in ("en", "zh")}}
    verdict = {id(pair): took for pair, took in zip(pairs, taken, strict=True)}
    return {
        name: {
            "pairs": len(some),
            "say it": sum(pair["says"] for pair in some),
            "taken": sum(verdict[id(pair)] for pair in some),
            "taken rightly": sum(verdict[id(pair)] and pair["says"] for pair in some),
        }
        for name, some in groups.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge all pairs and print the figures, last as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.organize_natural", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with en.warc.gz and zh.warc.gz")
    parser.add_argument("--errors", action="store_true", help="print what was taken wrongly, and what was missed")
    options = parser.parse_args(arguments)
    pairs = read_pairs()
    found = found_texts(pairs, options.data)
    taken = judge(pairs, found)
    for pair, took in zip(pairs, taken, strict=True) if options.errors else ():
        if took != pair["says"]:
            told = [found[f"{pair[f'{side}_page']} {pair[side]}"]["text"] for side in ("statement", "passage")]
            print("taken wrongly" if took else "missed", *told, sep="\n    ")
    told = figures(pairs, taken)
    precision = told["all"]["taken rightly"] / max(1, told["all"]["taken"])
    report.show(report.body("organize_natural", told, [report.at_least(round(precision, 4), *PRECISION)]))


if __name__ == "__main__":
    main()
