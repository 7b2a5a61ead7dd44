"""Language of real pages beside lid.176 by fastText on their whole text: ``python -m benchmarks.language``.

CPU time of one process each, on the same texts in the same run; loading and compilation are left out on both sides.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.measure import SideError, run_side
from benchmarks.pages import read_pages

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PAGES = ("web-pages/pages.warc.gz", "docs-pages/en.warc.gz", "docs-pages/zh.warc.gz")
RATIO = ("ratio to lid.176 by fastText on the whole text", 3.5, "x")
AGREEMENT = ("agreement with lid.176 on the whole text", 0.995, "of the pages")


def write_texts(archives: list[Path], pages: int | None, target: Path) -> dict[str, int]:
    """The text that L0 extracts from the first so many pages of each archive, with its name; returns their numbers."""
    tables: list[pa.Table] = []
    for archive in archives:
        found, count = [], 0
        for rows in read_pages(archive):
            found.append(rows.select(["content"]).slice(0, None if pages is None else pages - count))
            count += len(found[-1])
            if count == pages:
                break
        texts = pa.concat_tables(found)
        tables.append(texts.append_column("input", pa.array(["/".join(archive.parts[-2:])] * len(texts))))
    table = pa.concat_tables(tables)
    pq.write_table(table, target)
    return {row["values"]: row["counts"] for row in table["input"].value_counts().to_pylist()}


def measure(archives: list[Path], pages: int | None, runs: int, limit_s: float) -> dict[str, Any]:
    """Run both sides; the object to print."""
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts.parquet")
        figures: dict[str, Any] = {"pages": write_texts(archives, pages, texts), "text_bytes": _text_bytes(texts)}
        sides: dict[str, dict[str, Any] | str] = {}
        for name in ("ours", "fasttext", "one_pass"):
            try:
                sides[name] = run_side("benchmarks.language_sides", [name, str(texts), str(runs)], limit_s).result
            except SideError as error:
                sides[name] = str(error)
    ours, peer, bound = sides.values()
    if isinstance(ours, str) or isinstance(peer, str):
        why = ours if isinstance(ours, str) else str(peer)
        return report.body("language", figures | sides, [report.unmeasured(why, *bar) for bar in (RATIO, AGREEMENT)])
    agreement = agreements(ours.pop("languages"), peer.pop("languages"), figures["pages"])
    seconds = {name: statistics.median(side["cpu_s"]) for name, side in (("ours", ours), ("fasttext", peer))}
    figures |= {
        "ours": ours | rates(seconds["ours"], figures),
        "fasttext": peer | rates(seconds["fasttext"], figures),
        "agreement": agreement,
    }
    if not isinstance(bound, str):
        least = statistics.median(bound["cpu_s"])
        figures["machine_allows"] = rates(least, figures) | {
            "what": "one pass that hashes every n-gram and looks it up"
        }
        figures["share_of_what_the_machine_allows"] = round(least / seconds["ours"], 3)
    ratio = round(seconds["fasttext"] / seconds["ours"], 2)
    bars = [report.at_least(ratio, *RATIO), report.at_least(agreement["all"], *AGREEMENT)]
    return report.body("language", figures, bars)


def rates(seconds: float, figures: dict[str, Any]) -> dict[str, float]:
    """Documents and megabytes a second of one core."""
    documents = sum(figures["pages"].values())
    return {
        "docs_per_s_core": round(documents / seconds, 1),
        "mb_per_s_core": round(figures["text_bytes"] / 1e6 / seconds, 1),
    }


def agreements(ours: list[str | None], peer: list[str | None], pages: dict[str, int]) -> dict[str, float]:
    """Share of pages that get the same language, by input and over all; the pages stand in the order of ``pages``."""
    same = [a == b for a, b in zip(ours, peer, strict=True)]
    found = {"all": round(statistics.fmean(same), 5)}
    start = 0
    for name, count in pages.items():
        found[name] = round(statistics.fmean(same[start : start + count]), 5)
        start += count
    return found


def _text_bytes(texts: Path) -> int:
    return int(pc.sum(pc.binary_length(pq.read_table(texts)["content"])).as_py())


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.language", description=__doc__)
    parser.add_argument("--input", type=Path, nargs="+", help="WARCs of pages, gzip (default: all shared pages)")
    parser.add_argument("--pages", type=int, help="only the first so many pages of each")
    parser.add_argument("--runs", type=int, default=3, help="passes over the texts, of which the median is taken")
    parser.add_argument("--limit-s", type=float, default=900, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    archives = options.input or [DATA / path for path in PAGES]
    missing = [str(path) for path in archives if not path.is_file()]
    if missing:
        reason = f"no input at {missing[0]}; name WARCs with --input"
        report.show(report.body("language", {}, [report.unmeasured(reason, *bar) for bar in (RATIO, AGREEMENT)]))
        return
    report.show(measure(archives, options.pages, options.runs, options.limit_s))


if __name__ == "__main__":
    main()
