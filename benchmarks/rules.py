"""All English rules of L1 beside datatrove's four filters: ``python -m benchmarks.rules``.

CPU time of one process each, on the same texts in the same run; every rule of every page is computed on both sides.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.measure import SideError, run_side
from benchmarks.pages import read_pages
from stages.language import LanguageConfig, language_stage

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
# The web pages, and every so manieth page of documentation, which has many near-duplicates.
INPUTS = ((DATA / "web-pages" / "pages.warc.gz", 1), (DATA / "docs-pages" / "en.warc.gz", 8))
RATIO = ("all English rules, ratio to datatrove", 150.0, "x")
SPEED = ("all English rules, documents of one core", 2500.0, "docs/s")
AGREEMENT = ("decisions as datatrove's, the worst of the four", 0.99, "share of pages")
RULES = ("gopher_repetition", "gopher_quality", "c4", "fineweb")


def english_texts(archive: Path, step: int) -> pa.Table:
    """What L0 makes of every ``step``-th record of an archive, where it is English: columns content and lang."""
    stage = language_stage(LanguageConfig())
    assert stage.load is not None
    model = stage.load(stage.config)
    found = [stage.fn(rows, stage.config, model) for rows in read_pages(archive, step)]
    return pa.concat_tables([rows.filter(pc.equal(rows["lang"], "en")).select(["content", "lang"]) for rows in found])


def measure(inputs: list[tuple[Path, int]], pages: int | None, limit_s: float) -> dict[str, Any]:
    """Run both sides on the texts; the object to print."""
    with tempfile.TemporaryDirectory() as folder:
        texts = pa.concat_tables([english_texts(*source) for source in inputs]).slice(0, pages)
        pq.write_table(texts, Path(folder, "texts.parquet"))
        size = pc.sum(pc.binary_length(texts["content"])).as_py() or 0
        sides: dict[str, dict[str, Any] | str] = {}
        for name in ("ours", "datatrove"):
            # An empty cache, so that what compiling costs is measured too.
            env = {"NUMBA_CACHE_DIR": str(Path(folder, "cache"))}
            arguments = [str(Path(folder, "texts.parquet")), str(Path(folder, f"{name}.parquet"))]
            try:
                sides[name] = run_side(f"benchmarks.rules_{name}", arguments, limit_s, env).result
            except SideError as error:
                sides[name] = str(error)
        agreement = None
        if not any(isinstance(side, str) for side in sides.values()):
            agreement = agreements(*(pq.read_table(Path(folder, f"{name}.parquet")) for name in sides))
    figures = {"documents": texts.num_rows, "bytes": size} | sides | {"agreement": agreement}
    return report.body("rules", figures, bars(sides["ours"], sides["datatrove"], agreement))


def agreements(ours: pa.Table, peer: pa.Table) -> dict[str, dict[str, float]]:
    """For each family, the shares of pages with the same decision and with the same reason."""
    found = {}
    for name in RULES:
        mine, theirs = ours[name].to_pylist(), peer[name].to_pylist()
        pairs = list(zip(mine, theirs, strict=True))
        same = sum((a is None) == (b is None) for a, b in pairs) / len(pairs)
        found[name] = {"decision": round(same, 5), "reason": round(sum(a == b for a, b in pairs) / len(pairs), 5)}
    return found


def bars(ours: dict[str, Any] | str, peer: dict[str, Any] | str, agreement: dict[str, Any] | None) -> list[report.Bar]:
    """The bars; a side that is a string did not run, and says why."""
    if isinstance(ours, str):
        return [report.unmeasured(ours, *bar) for bar in (SPEED, RATIO, AGREEMENT)]
    speed = report.at_least(ours["docs_per_s_core"], *SPEED)
    if isinstance(peer, str) or agreement is None:
        return [speed, *(report.unmeasured(str(peer), *bar) for bar in (RATIO, AGREEMENT))]
    ratio = ours["docs_per_s_core"] / peer["docs_per_s_core"]
    worst = min(shares["decision"] for shares in agreement.values())
    return [speed, report.at_least(round(ratio, 1), *RATIO), report.at_least(worst, *AGREEMENT)]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--input", type=Path, action="append", help="a WARC of pages (default: the shared pages)")
    parser.add_argument("--pages", type=int, help="only the first so many English pages")
    parser.add_argument("--limit-s", type=float, default=1800, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    inputs = [(path, 1) for path in options.input] if options.input else list(INPUTS)
    missing = [str(path) for path, _ in inputs if not path.is_file()]
    if missing:
        reason = f"no input at {missing[0]}; name a WARC with --input"
        report.show(report.body("rules", {}, bars(reason, reason, None)))
        return
    report.show(measure(inputs, options.pages, options.limit_s))


if __name__ == "__main__":
    main()
