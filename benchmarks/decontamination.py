"""Items of question sets in pages: found, falsely found, how fast: ``python -m benchmarks.decontamination``.

All shared question sets against the texts of all shared pages, and against pages in which items were planted, beside
datatrove's NGramsDecontFilter on the same input in the same run. CPU time of one process each.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.decontamination_plants import BAR_KINDS, plant
from benchmarks.measure import SideError, run_side
from benchmarks.pages import read_pages
from stages.question_sets import read_set, set_paths

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
INPUTS = (
    DATA / "web-pages" / "pages.warc.gz",
    DATA / "docs-pages" / "en.warc.gz",
    DATA / "docs-pages" / "zh.warc.gz",
)
SPEED = ("documents of one core", 2000.0, "docs/s")
RECALL = ("planted items found, the worst kind", 0.99, "share")
CHINESE_RECALL = ("planted items found in Chinese, the worst kind", 0.99, "share")
FALSE = ("false hits", 1.0, "in 10,000 pages")
RATIO = ("ratio to datatrove's rate", None, "x")
_PEER_EVERY = 10  # of the pages and of the planted items, those that the peer gets
_SHOWN = 10  # partial overlaps that are listed


def page_texts(inputs: Sequence[Path], pages: int | None) -> pa.Table:
    """Columns input, url and content of the pages' texts."""
    tables = []
    for path in inputs:
        rows = pa.concat_tables([batch.select(["url", "content"]) for batch in read_pages(path)]).slice(0, pages)
        name = f"{path.parent.name}/{path.name}"
        tables.append(rows.append_column("input", pa.array([name] * rows.num_rows, pa.string())))
    return pa.concat_tables(tables)


def hosts(texts: pa.Table) -> dict[bool, list[str]]:
    """The texts by whether they are mostly Chinese; where there are none, a line of the language."""
    han = pc.count_substring_regex(texts["content"], r"\p{Han}")
    chinese = pc.greater(pc.multiply(han, 3), pc.utf8_length(texts["content"]))
    found = {True: texts.filter(chinese)["content"].to_pylist(), False: []}
    found[False] = texts.filter(pc.invert(chinese))["content"].to_pylist()
    return {True: found[True] or ["这里什么也没有。" * 9], False: found[False] or ["There is nothing here. " * 9]}


def measure(
    inputs: Sequence[Path], sets: Sequence[str], pages: int | None, items: int, limit_s: float
) -> dict[str, Any]:
    """Run both sides; the object to print."""
    texts = page_texts(inputs, pages)
    questions = {name: read_set(name, path) for name, path in set_paths(sets).items()}
    plants = plant(questions, hosts(texts), items)
    with tempfile.TemporaryDirectory() as folder:
        ours = _side(folder, "ours", texts, plants, sets, limit_s)
        some = [table.take(list(range(0, table.num_rows, _PEER_EVERY))) for table in (texts, plants)]
        peer = _side(folder, "datatrove", some[0], some[1], sets, limit_s)
    figures: dict[str, Any] = {"documents": texts.num_rows, "bytes": pc.sum(pc.binary_length(texts["content"])).as_py()}
    if not isinstance(ours, str):
        result, found, planted = ours
        figures |= {"ours": result | _recall(plants, planted["decontaminate.drop"])}
        figures |= {"false_hits": hits(texts, found), "partial_overlaps": partial(texts, found)}
    if not isinstance(peer, str):
        result, found, planted = peer
        wrong = found["ngram"].drop_null().to_pylist()
        told = {"false_hits": len(wrong), "of_documents": found.num_rows, "shown": wrong[:_SHOWN]}
        figures["datatrove"] = result | _recall(some[1], planted["ngram"]) | told
    return report.body("decontamination", figures, bars(ours, peer, figures))


Side = tuple[dict[str, Any], pa.Table, pa.Table]


def _side(folder: str, name: str, texts: pa.Table, plants: pa.Table, sets: Sequence[str], limit_s: float) -> Side | str:
    """The result of one side with its columns for texts and planted items, or why there is none."""
    paths = [str(Path(folder, f"{name}.{what}")) for what in ("texts", "plants", "verdicts")]
    pq.write_table(texts, paths[0])
    pq.write_table(plants, paths[1])
    try:
        # An empty cache, so that what compiling costs is measured too.
        env = {"NUMBA_CACHE_DIR": str(Path(folder, "cache"))}
        result = run_side(f"benchmarks.decontamination_{name}", [*paths, *sets], limit_s, env).result
    except SideError as error:
        return str(error)
    found, planted = (pq.read_table(f"{paths[2]}.{what}.parquet") for what in ("texts", "plants"))
    return result, found, planted


def _recall(plants: pa.Table, verdicts: pa.ChunkedArray) -> dict[str, dict[str, dict[str, float]]]:
    """Share of planted items found, by language and kind."""
    found: dict[str, dict[str, list[bool]]] = {"en": defaultdict(list), "zh": defaultdict(list)}
    for kind, chinese, verdict in zip(
        plants["kind"].to_pylist(), plants["chinese"].to_pylist(), verdicts.to_pylist(), strict=True
    ):
        found["zh" if chinese else "en"][kind].append(verdict is not None)
    recall = {
        language: {kind: round(sum(some) / len(some), 4) for kind, some in kinds.items()}
        for language, kinds in found.items()
    }
    return {"recall": recall}


def hits(texts: pa.Table, found: pa.Table) -> list[dict[str, Any]]:
    """Every page that was taken to hold an item: set, item and the text that matched."""
    return _listed(texts, found, pc.is_valid(found["decontaminate.drop"]))


def partial(texts: pa.Table, found: pa.Table) -> list[dict[str, Any]]:
    """The largest shares that were not enough."""
    rest = pc.and_(pc.is_valid(found["decontaminate.set"]), pc.is_null(found["decontaminate.drop"]))
    listed = _listed(texts, found, rest)
    return sorted(listed, key=lambda one: -one["share"])[:_SHOWN]


def _listed(texts: pa.Table, found: pa.Table, rows: pa.ChunkedArray) -> list[dict[str, Any]]:
    pairs = zip(texts.filter(rows).to_pylist(), found.filter(rows).to_pylist(), strict=True)
    return [
        {
            "url": page["url"],
            "set": one["decontaminate.set"],
            "item": one["decontaminate.item"],
            "share": round(one["decontaminate.share"], 3),
            "text": page["content"][one["decontaminate.start"] : one["decontaminate.end"]][:300],
        }
        for page, one in pairs
    ]


def bars(ours: Side | str, peer: Side | str, figures: dict[str, Any]) -> list[report.Bar]:
    """The bars; a side that is a string did not run, and says why."""
    if isinstance(ours, str):
        return [report.unmeasured(ours, *bar) for bar in (SPEED, RECALL, CHINESE_RECALL, FALSE, RATIO)]
    recall = figures["ours"]["recall"]
    worst = {
        language: min((kinds[kind] for kind in BAR_KINDS if kind in kinds), default=0.0)
        for language, kinds in recall.items()
    }
    rate = figures["ours"]["docs_per_s_core"]
    false = 10_000 * len(figures["false_hits"]) / max(1, figures["documents"])
    found = [
        report.at_least(rate, *SPEED),
        report.at_least(worst["en"], *RECALL),
        report.at_least(worst["zh"], *CHINESE_RECALL),
        report.Bar(FALSE[0], round(false, 3), FALSE[1], FALSE[2], false < FALSE[1]),
    ]
    if isinstance(peer, str):
        return [*found, report.unmeasured(peer, *RATIO)]
    return [*found, report.at_least(round(rate / figures["datatrove"]["docs_per_s_core"], 1), *RATIO)]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decontamination", description=__doc__)
    parser.add_argument("--input", type=Path, action="append", help="a WARC of pages (default: all shared pages)")
    parser.add_argument("--sets", action="append", help="question sets (default: the shared ones)")
    parser.add_argument("--pages", type=int, help="only the first so many pages of each input")
    parser.add_argument("--items", type=int, default=2000, help="planted items of each kind")
    parser.add_argument("--limit-s", type=float, default=1800, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    inputs, sets = options.input or list(INPUTS), options.sets or [str(DATA / "evalsets")]
    missing = [str(path) for path in (*inputs, *map(Path, sets)) if not path.exists()]
    if missing:
        reason = f"no input at {missing[0]}; name pages with --input and question sets with --sets"
        report.show(report.body("decontamination", {}, bars(reason, reason, {})))
        return
    report.show(measure(inputs, sets, options.pages, options.items, options.limit_s))


if __name__ == "__main__":
    main()
